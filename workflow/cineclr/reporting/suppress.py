"""Small counts of people: what of a table may leave the building.

A count of people in 1..`min_cell` - 1 is withheld, and so is what would give it away:

* Of a group that adds up to a shown total, what is withheld must add up to at least `min_cell` itself; where
  it does not, the next smallest counts go too. One small count is thus never alone, and the sum of the
  withheld ones, which anybody can work out, is not a small count either. Zeros are shown: they are nobody.
* Both kinds look alike, for a mark that says "fewer than 11" would bound the count and its neighbours.
* The four counts of a confusion matrix go together, and so do the counts of a subgroup.
* A rate is shown where its denominator is at least `min_cell`, an AUROC (and whatever rests on both classes)
  where positives and negatives are. The share of resamples that held one class tells how many studies the
  rarer one has, so `left_out` goes with the AUROC.

Each table is protected by itself. What follows from two tables with different denominators is not: Table S1
and `n_test` of LVH together tell how many studies have no LV mass index; and a rate times a shown denominator
is the count that it came from. Counts of files are not people and stay, and so does `n_train`, which is a
ratio of the cohort drawn at random.
"""

from collections.abc import Collection, Sequence

import pandas as pd

WITHHELD = "withheld"
# What stays in a table of evaluations, whatever its counts: keys and settings, no results of people.
KEPT = {
    *("task", "init", "mode", "ratio", "test_set", "metric", "variable", "level"),
    *("rule", "target", "threshold", "baseline"),
    *("n_train", "confidence", "note"),
}
CALLS = ["tp", "fp", "fn", "tn"]
COUNTS = ["n", "n_positive", "n_train", "n_train_positive", "n_test", "n_test_positive", *CALLS]
# The calls that a rate of an operating point is a share of; all rest on both classes besides.
SHARE_OF = {"ppv": ["tp", "fp"], "npv": ["tn", "fn"], "f1": ["tp", "fp", "fn"]}


def is_small(count: int, min_cell: int) -> bool:
    """Tell whether a count of people must be withheld."""
    return 0 < count < min_cell


def show_count(count: int, min_cell: int) -> str:
    """Return a count that stands alone as text: itself, or `<11`."""
    return f"<{min_cell}" if is_small(count, min_cell) else str(count)


def withhold(
    counts: Sequence[int], min_cell: int, unshown: Collection[int] = (), last: Collection[int] = ()
) -> set[int]:
    """Return the positions of a group's counts that are withheld; `counts` adds up to a total that is shown.

    Args:
        counts: how many people each cell holds.
        min_cell: smallest count shown.
        unshown: positions that no table shows but a reader can work out (such as the studies without a
            flag), or that are withheld already.
        last: positions that go only when all others are gone.
    """
    hidden = {i for i, count in enumerate(counts) if i in unshown or is_small(count, min_cell)}
    left = sorted(
        (i for i, count in enumerate(counts) if i not in hidden and count),
        key=lambda i: (i in last, counts[i], i),
    )
    while left and is_small(sum(counts[i] for i in hidden), min_cell):
        hidden.add(left.pop(0))
    return hidden


def withhold_levels(positives: Sequence[int], negatives: Sequence[int], min_cell: int) -> set[int]:
    """Return the levels of a variable whose counts are withheld, so that no class of any can be worked out.

    The totals of both classes are shown; (levels,) each.
    """
    sizes = [p + n for p, n in zip(positives, negatives, strict=True)]
    hidden: set[int] = set()
    while True:
        before = set(hidden)
        for counts in (sizes, positives, negatives):
            hidden |= withhold(counts, min_cell, unshown=hidden)
        if hidden == before:
            return hidden


def suppress_evaluation(table: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Return a table of evaluations without small counts and results that rest on them; `note` says so.

    Every row has the studies `n_test` (or `n`) and the positive ones `n_test_positive` (`n_positive`), or the
    calls tp, fp, fn, tn; rows with `variable` and `level` are subgroups. A column not known here is a result
    of both classes; where the positive ones are missing, as for errors of a measurement, one of all studies.
    """
    table = table.astype({name: "Int64" for name in (*COUNTS, "left_out") if name in table})
    size = "n_test" if "n_test" in table else "n"
    positives = table["tp"] + table["fn"] if "tp" in table else table[f"{size}_positive"]
    negatives = table[size] - positives
    hidden = {
        size: _small(table[size], min_cell),
        f"{size}_positive": _small(positives, min_cell) | _small(negatives, min_cell),
    }
    if "n_train_positive" in table:
        train = table["n_train_positive"]
        hidden["n_train_positive"] = _small(train, min_cell) | _small(table["n_train"] - train, min_cell)
    if "level" in table:
        hidden[size] = hidden[f"{size}_positive"] = _small_levels(table, positives, negatives, min_cell)
    if "tp" in table:
        any_call = pd.concat([_small(table[name], min_cell) for name in CALLS], axis="columns").any(axis=1)
        hidden |= dict.fromkeys(CALLS, any_call)
    for name in table.columns.difference([*KEPT, *hidden]):
        hidden[name] = (positives < min_cell) | (negatives < min_cell) | (table[size] < min_cell)
        if "tp" in table and (share := SHARE_OF.get(name.split("_")[0])):
            hidden[name] |= table[share].sum(axis="columns") < min_cell
    return _empty(table, hidden, f"withheld where fewer than {min_cell} studies would show")


def suppress_curve(curve: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Return calibration curves without points of few studies and test sets with few of either class.

    `curve` is the long table of evaluate-calibration; its groups tell how many studies are positive.
    """
    model = ["init", "ratio", "test_set"]
    groups = curve[curve["kind"] == "group"]
    sizes = (
        groups.assign(positives=groups["y"] * groups["n"]).groupby(model)[["n", "positives"]].sum().round()
    )
    few = (sizes["positives"] < min_cell) | (sizes["n"] - sizes["positives"] < min_cell)
    withheld = pd.MultiIndex.from_frame(curve[model]).isin(few.index[few])
    return curve[~withheld & ~((curve["kind"] == "group") & (curve["n"] < min_cell))]


def _small(counts: pd.Series, min_cell: int) -> pd.Series:
    return (counts > 0) & (counts < min_cell)


def _small_levels(
    table: pd.DataFrame, positives: pd.Series, negatives: pd.Series, min_cell: int
) -> pd.Series:
    """Return which rows' counts go, of subgroup rows of several models, test sets and variables."""
    hidden = pd.Series(False, index=table.index)
    for _, rows in table.groupby(["init", "ratio", "test_set", "variable"], sort=False):
        found = withhold_levels(positives[rows.index].tolist(), negatives[rows.index].tolist(), min_cell)
        hidden[rows.index[sorted(found)]] = True
    return hidden


def _empty(table: pd.DataFrame, hidden: dict[str, pd.Series], reason: str) -> pd.DataFrame:
    """Return the table without the cells of `hidden`; rows that lost one have the reason in their note."""
    shown, lost = table.copy(), pd.Series(False, index=table.index)
    for name in table.columns.intersection(list(hidden)):
        mask = hidden[name].fillna(False).astype(bool) & table[name].notna()
        shown[name] = table[name].mask(mask)
        lost |= mask
    said = table["note"].fillna("") if "note" in table else pd.Series("", index=table.index)
    shown["note"] = said.where(~lost, [f"{text}; {reason}".removeprefix("; ") for text in said])
    return shown
