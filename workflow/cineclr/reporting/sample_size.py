"""The command that plans a study: positives needed for an interval or for a difference."""

from cineclr.errors import InputError
from cineclr.stats.multiple import FEWEST_FOR_NORMAL
from cineclr.stats.sample_size import Alternative, SampleSize, size_for_difference, size_for_width


def sample_size(
    auroc: float,
    prevalence: float,
    width: float | None = None,
    baseline: float | None = None,
    correlation: float | None = None,
    power: float = 0.8,
    confidence: float = 0.95,
    alternative: Alternative = "two_sided",
) -> None:
    """Print how many studies an AUROC needs.

    Give `--width` for an interval of that width (Hanley & McNeil 1982), or `--baseline` and `--correlation`
    to tell `--auroc` from the baseline's on the same studies (Hanley & McNeil 1983). The correlation is that
    of the two estimated AUROCs; 0.5 is common. `--power` and `--alternative` belong to the difference.

    Raises:
        InputError: neither or both asked for, a difference without its correlation, a value out of its range.
    """
    if (width is None) == (baseline is None):
        raise InputError("give either --width, for an interval, or --baseline, for a difference")
    if (baseline is None) != (correlation is None):
        raise InputError("--baseline and --correlation go together; 0.5 is a common correlation")
    level = f"{100 * confidence:g} %"
    if width is not None:
        size = size_for_width(auroc, width, prevalence, confidence)
        aim = f"a {level} confidence interval of width {width:g} around an AUROC of {auroc:g}"
    else:
        assert baseline is not None  # of the two checks above
        assert correlation is not None
        size = size_for_difference(auroc, baseline, correlation, prevalence, power, confidence, alternative)
        aim = (
            f"a power of {power:g} to tell an AUROC of {auroc:g} from {baseline:g} on the same studies "
            f"({alternative.replace('_', '-')} test at {1 - confidence:.3g}, correlation {correlation:g})"
        )
    print("\n".join(_lines(aim, size, prevalence)))


def _lines(aim: str, size: SampleSize, prevalence: float) -> list[str]:
    lines = [
        f"For {aim}:",
        f"  positives  {size.positives}",
        f"  negatives  {size.negatives}",
        f"  studies    {size.total}, at a prevalence of {prevalence:g}",
    ]
    if min(size.positives, size.negatives) < FEWEST_FOR_NORMAL:
        lines.append(
            f"  Below {FEWEST_FOR_NORMAL} of either class the formula, for large samples, is a rough guide."
        )
    return lines
