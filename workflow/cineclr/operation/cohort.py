"""Videos and studies per split and task: counted in a cohort, or expected before there is one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cineclr.config.cmr import LVEF, Cmr, Role
from cineclr.config.echo import TASKS, Echo

# EchoCLR, Results: videos of the external cohort among all.
EXTERNAL_SHARE = 6530 / (23_448 + 6530)
# EchoCLR, Methods: SimCLR's 520 epochs over videos are as many steps as 300 over pairs.
PAIRS_PER_VIDEO = 520 / 300
LONG_AXIS = 3  # views of a study that are not SAX slices
DOWNSTREAM = ("train", "val", "test")


@dataclass(frozen=True)
class EchoSize:
    """Videos of the first paper.

    Attributes:
        source: where the numbers come from, in words.
        train: of the training split; `pairs` of them within a study.
        labelled: with the label, per (task, split).
    """

    source: str
    train: float
    pairs: float
    labelled: Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class CmrSize:
    """Studies of the second paper.

    Attributes:
        source: where the numbers come from, in words.
        pretraining: with a report, per split of pretraining.
        studies: with the label, per (task, split).
        videos: mean per study.
        encoded: videos of all downstream and test studies.
    """

    source: str
    pretraining: Mapping[str, float]
    studies: Mapping[tuple[str, str], float]
    videos: float
    encoded: float

    def bag(self, sax_share: float) -> float:
        """Return the mean clips of a study with a share of its SAX slices."""
        sax = max(0.0, self.videos - LONG_AXIS)
        return self.videos - (1 - sax_share) * sax


def echo_of_cohort(path: Path) -> EchoSize:
    """Return the sizes of a cohort that exists, from its splits.csv."""
    table = pd.read_csv(path)
    train = table.loc[table["split"] == "train", "videos"]
    labelled = {
        (str(task), str(split)): float(rows.loc[rows[task].notna(), "videos"].sum())
        for task in TASKS
        for split, rows in table.groupby("split")
    }
    pairs = float((train * (train - 1) / 2).sum())
    return EchoSize(f"the cohort's {len(table):,} studies", float(train.sum()), pairs, labelled)


def expect_echo(studies: float, videos: float, settings: Echo, source: str) -> EchoSize:
    """Return sizes before there is a cohort: every video is kept and labelled; splits as configured."""
    development, split = videos * (1 - EXTERNAL_SHARE), settings.cohort.split
    parts = {"train": split.train, "val": split.val, "internal": split.internal}
    counts = {name: share * development for name, share in parts.items()}
    counts["external"] = videos - development
    labelled = {(str(task), name): count for task in TASKS for name, count in counts.items()}
    source = f"{source}: {studies:,.0f} studies, {videos:,.0f} videos of the wanted view"
    return EchoSize(source, counts["train"], counts["train"] * PAIRS_PER_VIDEO, labelled)


def cmr_of_cohort(path: Path, settings: Cmr) -> CmrSize:
    """Return the sizes of a cohort that exists, from its splits.csv."""
    table = pd.read_csv(path)
    told = table[table["sentences"] > 0].groupby("split").size()
    trained = {LVEF: settings.lvef.cohorts} | dict.fromkeys(
        settings.diagnoses.tasks, settings.diagnoses.cohorts
    )
    studies: dict[tuple[str, str], float] = {}
    for task, cohorts in trained.items():
        own = (
            table["cohort"].isin(cohorts) | (table["split"] == "test") if cohorts else table["cohort"].notna()
        )
        counts = table[own & table[task].notna()].groupby("split").size()
        studies |= {(task, str(split)): float(count) for split, count in counts.items()}
    return CmrSize(
        f"the cohort's {len(table):,} studies",
        {str(split): float(count) for split, count in told.items()},
        studies,
        float(table["videos"].mean()),
        float(table.loc[table["split"].isin(DOWNSTREAM), "videos"].sum()),
    )


def expect_cmr(people: Mapping[Role, tuple[float, float]], settings: Cmr, source: str) -> CmrSize:
    """Return sizes before there is a cohort, from individuals and videos per role; all are labelled."""
    cohort = settings.cohort
    counts = {role: size[0] for role, size in people.items()}
    ahead = cohort.pretraining * counts.get("development", 0)
    own, further = counts.get("development", 0) - ahead, counts.get("train_and_test", 0)
    splits = {
        name: getattr(cohort.downstream_shares, name) * own
        + getattr(cohort.train_and_test_shares, name) * further
        for name in DOWNSTREAM
    }
    splits["test"] += counts.get("external", 0)
    tasks = (LVEF, *settings.diagnoses.tasks)
    studies, videos = sum(counts.values()), sum(size[1] for size in people.values())
    return CmrSize(
        f"{source}: {studies:,.0f} individuals, {videos:,.0f} videos",
        {f"pretrain_{name}": getattr(cohort.pretraining_shares, name) * ahead for name in ("train", "val")},
        {(task, split): count for task in tasks for split, count in splits.items()},
        videos / studies,
        sum(splits.values()) * videos / studies,
    )
