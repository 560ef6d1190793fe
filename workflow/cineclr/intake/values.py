"""Single values of a header, with a type and a range; what is absent, damaged or outside is None or empty."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

DATE = re.compile(r"(\d{4})(\.?)(\d{2})\2(\d{2})", re.ASCII)  # PS3.5 6.2, VR DA, and as ACR-NEMA wrote it


def value_of(dataset: Dataset, keyword: str) -> Any:
    """Return an attribute's value, or None when it is absent or cannot be converted; never quotes it."""
    try:
        return dataset.get(keyword)
    except Exception:  # converting a hostile value may raise anything; the file then says nothing
        return None


def number_of(dataset: Dataset, keyword: str, low: float, high: float) -> float | None:
    """Return a number between `low` and `high`, or None."""
    try:
        number = float(value_of(dataset, keyword))
    except (TypeError, ValueError, OverflowError):
        return None
    return number if low <= number <= high else None


def whole_of(dataset: Dataset, keyword: str, low: int, high: int) -> int | None:
    """Return a whole number between `low` and `high`, or None."""
    number = number_of(dataset, keyword, low, high)
    return int(number) if number is not None and number == int(number) else None


def text_of(dataset: Dataset, keyword: str) -> str:
    """Return an identifier as text without outer space, empty when absent."""
    value = value_of(dataset, keyword)
    return str(value).strip(" \0") if isinstance(value, str | int) else ""


def items_of(dataset: Dataset, keyword: str) -> Iterable[Dataset]:
    """Return the items of a sequence, none when it is absent or no sequence."""
    value = value_of(dataset, keyword)
    return value if isinstance(value, Sequence) else ()


def date_of(dataset: Dataset, keyword: str, years: tuple[int, int]) -> date | None:
    """Return a date that exists, within these years, both included; None otherwise."""
    found = DATE.fullmatch(text_of(dataset, keyword))
    if not found:
        return None
    year, month, day = (int(found[part]) for part in (1, 3, 4))
    try:
        return date(year, month, day) if years[0] <= year <= years[1] else None
    except ValueError:
        return None
