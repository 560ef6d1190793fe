"""Scan, index and de-identify two clips; run as a program by `test_burned_in`, without a network."""

import sys
from pathlib import Path

from intake_files import Archive, draw_sector, make_file

from cineclr.demo.lettering import burn, render


def main() -> None:
    archive = Archive(Path(sys.argv[1]))
    typed = draw_sector(2)
    burn(typed, render("MRN 4711", "simplex", 11), 60, 90, 240)
    archive.add("typed", make_file(typed))
    archive.add("clean", make_file(draw_sector(3)))
    archive.scan()
    codes = archive.deidentify(text_gate=True)
    print(", ".join(f"{name} {code}" for name, code in codes.items()))


if __name__ == "__main__":
    main()
