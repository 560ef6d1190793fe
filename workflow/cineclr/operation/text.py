"""Plain text for a terminal and a log: tables, times, numbers."""

from collections.abc import Sequence

MINUTE, HOUR = 60, 3600


def align(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Return rows of cells as lines: the first `left` columns to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:<{width}}" if place < left else f"{cell:>{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def tell_time(seconds: float) -> str:
    """Return a duration in the unit that a person would take.

    >>> [tell_time(value) for value in (12.3, 600, 7260, 400000)]
    ['12 s', '10 min', '2 h 01 min', '111 h']
    """
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    hours, rest = divmod(round(seconds / MINUTE), 60)
    return f"{hours} h {rest:02d} min" if hours < 48 else f"{seconds / HOUR:,.0f} h"


def tell_number(value: float) -> str:
    """Return a number as far as it can be known: three digits, thousands apart.

    >>> [tell_number(value) for value in (0.0123, 4.567, 1234567)]
    ['0.0123', '4.57', '1,230,000']
    """
    if value >= 1000:
        digits = len(str(int(value))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"


def shorten(line: str, width: int) -> str:
    """Return a line cut to `width` characters, with a mark where it was cut."""
    return line if len(line) <= width else line[: width - 1] + "…"
