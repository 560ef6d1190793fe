"""Entry point of `python -m cineclr`."""

from cineclr.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
