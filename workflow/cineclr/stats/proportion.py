"""A proportion and its Wilson score interval."""

from typing import NamedTuple

from statsmodels.stats.proportion import proportion_confint

from cineclr.errors import InputError

NAN = float("nan")


class Estimate(NamedTuple):
    """A number and the limits of its confidence interval; all NaN where the number does not exist."""

    value: float
    ci_low: float
    ci_high: float

    def columns(self, name: str) -> dict[str, float]:
        """Return the three numbers as columns of a table: name, name_ci_low, name_ci_high."""
        return {name: self.value, f"{name}_ci_low": self.ci_low, f"{name}_ci_high": self.ci_high}


UNKNOWN = Estimate(NAN, NAN, NAN)


def wilson(count: int, of: int, confidence: float = 0.95) -> Estimate:
    """Return count / of with its Wilson score interval (Wilson 1927, J Am Stat Assoc 22:209-212).

    The interval takes the `of` studies as independent. NaN if `of` is 0: then there is no proportion.

    Args:
        count: studies with the property.
        of: studies that could have it.
        confidence: level of the interval, in (0, 1).

    Raises:
        InputError: a count below 0 or above `of`; a level outside (0, 1).
    """
    if not 0 <= count <= of:
        raise InputError(f"proportion: {count} of {of} studies is not a proportion")
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence}; it must lie between 0 and 1, such as 0.95")
    if of == 0:
        return UNKNOWN
    low, high = proportion_confint(count, of, alpha=1 - confidence, method="wilson")
    value = count / of  # at 0 and 1 a limit may miss it by a rounding error
    return Estimate(value, min(float(low), value), max(float(high), value))
