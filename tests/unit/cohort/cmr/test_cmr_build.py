import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cineclr.cohort.cmr.build import build_cmr_cohort
from cineclr.config.cmr import Cohort
from cineclr.errors import InputError
from cineclr.files import write_parquet
from cineclr.ledger import Code

SHARES = {"train": 0.5, "val": 0.25, "test": 0.25}
SETTINGS = Cohort(
    roles={"clinical": "development", "northern": "external"},
    pretraining=0.5,
    downstream_shares=SHARES,
)
TASKS = ["amyloid", "normal"]


class Run:
    """A run's inputs, 160 studies of 80 patients with two slices of three images each; and its outputs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        rng = np.random.default_rng(0)
        self.sheet = pd.DataFrame(
            {
                "study": [f"S{n:03}" for n in range(160)],
                "patient": [f"P{n // 2:03}" for n in range(160)],
                "year": 2015,
                "sex": "F",
                "age": 60.0,
                "cohort": ["clinical"] * 120 + ["northern"] * 40,
                "lvef": [*[np.nan] * 4, *rng.uniform(20, 70, 156)],
                "field": 1.5,
            }
        )
        images = [(s, k, i) for s in (*self.sheet["study"], "Sunknown") for k in range(2) for i in range(3)]
        files = [f"F{n:05}" for n in range(len(images))]
        self.converted = pd.DataFrame(
            {
                "file": files,
                "study": [study for study, _, _ in images],
                "cine": [f"C{study}{k}" for study, k, _ in images],
                "view": "SAX",
                "code": "passed",
                "slice": [k for _, k, _ in images],
            }
        )
        self.scan = self.converted[["file", "study"]].assign(video=self.converted["cine"], code="passed")
        self.sentences = pd.DataFrame({"study": np.repeat(self.sheet["study"], 3)})
        labels = rng.integers(0, 2, (160, 2)).astype(float)
        self.labels = pd.DataFrame({"study": self.sheet["study"], **dict(zip(TASKS, labels.T, strict=True))})

    def build(self, key: str = "k", learned: list[Path] | None = None) -> pd.DataFrame:
        place = self.folder
        write_parquet(self.sheet, place / "sheet.parquet", key_fingerprint="k")
        write_parquet(self.scan, place / "scan.parquet", key_fingerprint=key)
        halves = self.converted.iloc[:500], self.converted.iloc[500:]
        clips = self.converted[["study", "view", "slice"]].drop_duplicates()
        for number, half in enumerate(halves):
            write_parquet(half, place / f"shard_{number}.parquet")
            (place / f"shard_{number}").mkdir(exist_ok=True)
            write_parquet(clips.iloc[number::2], place / f"shard_{number}" / "clips.parquet")
        write_parquet(self.sentences, place / "sentences.parquet")
        write_parquet(self.labels, place / "labels.parquet")
        build_cmr_cohort(
            place / "sheet.parquet",
            place / "scan.parquet",
            [place / "shard_0.parquet", place / "shard_1.parquet"],
            [place / "shard_0", place / "shard_1"],
            place / "sentences.parquet",
            place / "labels.parquet",
            SETTINGS,
            TASKS,
            7,
            place / "splits.csv",
            place / "files.parquet",
            place / "flow.json",
            learned,
        )
        return pd.read_csv(place / "splits.csv")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_a_row_per_study_with_what_trainings_need(run: Run) -> None:
    cohort = run.build()
    assert list(cohort.columns) == [
        *["study", "patient", "cohort", "role", "split", "year", "sex", "age", "videos", "sentences", "lvef"],
        *["field", "amyloid", "normal"],
    ]
    assert len(cohort) == 160
    assert cohort["study"].is_monotonic_increasing
    assert set(cohort["videos"]) == {2}
    assert set(cohort["sentences"]) == {3}
    assert cohort.groupby("patient")["split"].nunique().max() == 1
    assert set(cohort.loc[cohort["cohort"] == "northern", "split"]) == {"test"}
    truth = run.labels.set_index("study")["amyloid"]
    assert (cohort["amyloid"] == cohort["study"].map(truth)).all()
    assert (run.folder / "splits.parquet").exists()


def test_every_file_is_in_one_bucket_and_the_flow_adds_up(run: Run) -> None:
    run.converted.loc[run.converted["study"] == "S005", "code"] = str(Code.NO_VIEW)
    run.build()
    files = pd.read_parquet(run.folder / "files.parquet")
    assert files["file"].is_unique
    assert len(files) == len(run.scan)
    assert files["bucket"].value_counts().to_dict() == {"used": 954, "no_view": 6, "not_in_sheet": 6}
    flow = json.loads((run.folder / "flow.json").read_text())
    assert [stage["passed"] for stage in flow["stages"]] == [966, 960, 954]
    assert sum(flow["studies_by_split"].values()) == 159
    assert flow["studies_by_split"]["northern test"] == 40
    assert flow["videos"]["northern test"] == 80
    assert flow["missing_lvef"] == 4


def test_a_silent_study_is_not_pretrained_with_but_may_be_tested(run: Run) -> None:
    before = run.build().set_index("study")["split"]
    pretraining, tested = (before.index[before == split][0] for split in ("pretrain_train", "test"))
    run.sentences = run.sentences[~run.sentences["study"].isin([pretraining, tested])]
    after = run.build().set_index("study")
    assert pretraining not in after.index
    assert after.loc[tested, "sentences"] == 0
    assert after["split"].equals(before.drop(pretraining))
    files = pd.read_parquet(run.folder / "files.parquet")
    assert set(files.loc[files["study"] == pretraining, "bucket"]) == {"no_report"}


def test_studies_without_labels_stay_with_empty_cells(run: Run) -> None:
    run.labels = run.labels.iloc[:-1]
    cohort = run.build().set_index("study")
    assert cohort.loc["S159", TASKS].isna().all()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: run.labels.update(pd.DataFrame({"amyloid": [0.0] * 160})), "amyloid, split test"),
        (
            lambda run: run.sheet.__setitem__("study", run.sheet["study"].str.lower()),
            "none of the 161 studies",
        ),
        (lambda run: run.sheet.__setitem__("cohort", "clinical"), "northern, which no row of the sheet has"),
    ],
)
def test_what_cannot_become_a_cohort_is_refused(run: Run, spoil, words: str) -> None:
    spoil(run)
    with pytest.raises(InputError, match=words):
        run.build()


def learn(run: Run, patients: list[str], split: str) -> list[Path]:
    """Another run, whose models have learned from these patients; the roles of its cohorts are others."""
    theirs = pd.DataFrame({"study": [f"T{name}" for name in patients], "patient": patients, "split": split})
    write_parquet(theirs, run.folder / "learned.parquet", key_fingerprint="k")
    return [run.folder / "learned.parquet"]


def test_where_models_are_tested_every_cohort_is_a_test_set(run: Run) -> None:
    run.sheet["cohort"] = "clinical"  # none is northern
    run.labels["amyloid"] = 0.0
    cohort = run.build(learned=learn(run, ["P000", "P079"], "pretrain_val"))
    assert set(cohort["split"]) == {"test"}
    assert set(cohort["role"]) == {"external"}
    assert len(cohort) == 156
    files = pd.read_parquet(run.folder / "files.parquet")
    known = set(files.loc[files["bucket"] == "learned_from", "study"])
    assert known == {"S000", "S001", "S158", "S159"}


def test_where_models_are_tested_what_cannot_be_is_refused(run: Run) -> None:
    run.labels["normal"] = np.nan
    with pytest.raises(InputError, match="normal: no study has a label\na label is needed"):
        run.build(learned=learn(run, ["P000"], "train"))
    with pytest.raises(InputError, match="no study is left"):
        run.build(learned=learn(run, list(run.sheet["patient"].unique()), "train"))


def test_pseudonyms_of_two_keys_do_not_meet(run: Run) -> None:
    with pytest.raises(InputError, match="pseudonyms of different keys"):
        run.build(key="another")


def test_splits_of_the_users_own_are_taken(run: Run) -> None:
    drawn = run.build().set_index("study")["split"]
    swapped = {"train": "test", "test": "train", "pretrain_train": "pretrain_val"}
    inside = run.sheet["cohort"] == "clinical"
    own = run.sheet["study"].map(drawn).replace(swapped).where(inside)
    run.sheet = run.sheet.assign(split=own, sheet_row=range(2, 162))
    run.sheet.loc[run.sheet.index[inside][0], "split"] = "pretrain_train"
    cohort = run.build().set_index("study")
    assert (cohort["split"] == run.sheet.set_index("study")["split"].fillna("test")[cohort.index]).all()
    assert "sheet_row" not in cohort
    assert json.loads((run.folder / "flow.json").read_text())["splits"] == "given"
    run.sheet.loc[3, "split"] = None
    with pytest.raises(InputError, match="sheet, row 5: a study of the cohort without a split"):
        run.build()
