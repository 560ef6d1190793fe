"""A reader's sheet: blind to the labels, kept private, and scored as by hand."""

import logging
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cineclr.errors import InputError
from cineclr.text.labels.review import FEW_TASKS, review_labels, score_labels

TASKS = [f"task_{n}" for n in range(9)]
Make = Callable[..., Path]


@pytest.fixture
def make_sheet(tmp_path: Path) -> Make:
    """Return what writes labels and reports, and the sheet of them."""

    def make(labels: list[list[float]], name: str = "sheet", **options: object) -> Path:
        studies = [f"S{n}" for n in range(len(labels))]
        table = pd.DataFrame(labels, columns=TASKS[: len(labels[0])], index=pd.Index(studies, name="study"))
        table.reset_index().to_parquet(tmp_path / "labels.parquet")
        texts = [f"Report of {study}, \u201cnormal\u201d.\nNo mass." for study in studies[:-1]]
        reports = pd.DataFrame({"study": studies[:-1], "report": texts})
        reports.to_parquet(tmp_path / "reports.parquet")
        output = tmp_path / "private" / f"{name}.csv"
        wanted = {"studies": 99, "seed": 0, "output": output, **options}
        review_labels(tmp_path / "labels.parquet", tmp_path / "reports.parquet", **wanted)  # type: ignore[arg-type]
        return Path(str(wanted["output"]))

    return make


def read(sheet: Path) -> pd.DataFrame:
    return pd.read_csv(sheet, keep_default_na=False)


def test_all_that_is_positive_or_open_is_asked_and_some_of_the_negative(make_sheet: Make) -> None:
    open_ = float("nan")
    sheet = read(make_sheet([[1, open_, *[0] * 7], [0] * 9, [1] * 9]))
    asked = sheet.groupby("study")["task"].agg(list)
    assert {study: len(tasks) for study, tasks in asked.items()} == {"S0": 2 + FEW_TASKS, "S1": 2 + FEW_TASKS}
    assert {"task_0", "task_1"} <= set(asked["S0"])
    assert all(len(set(tasks)) == len(tasks) for tasks in asked)
    assert set(sheet.loc[sheet["study"] == "S0", "report"]) == {"Report of S0, \u201cnormal\u201d.\nNo mass."}


def test_the_sheet_tells_no_label(make_sheet: Make) -> None:
    """As many diagnoses as are asked at least: the sheet of all positive is that of none positive."""
    found, none = (read(make_sheet([[label] * FEW_TASKS] * 4, f"all_{label}")) for label in (1, 0))
    assert found.columns.tolist() == ["study", "task", "report", "reader"]
    assert set(found["reader"]) == {""}
    order = ["study", "task"]
    pd.testing.assert_frame_equal(
        found.sort_values(order, ignore_index=True), none.sort_values(order, ignore_index=True)
    )


def test_the_place_in_the_sheet_tells_no_label(make_sheet: Make) -> None:
    sheet = read(make_sheet([[1, *[0] * 8]] * 31))
    places = [own["task"].tolist().index("task_0") for _, own in sheet.groupby("study")]
    assert len(places) == 30
    assert set(places) == set(range(1 + FEW_TASKS))


def test_a_seed_makes_the_same_sheet_and_another_one_another(make_sheet: Make) -> None:
    labels = [[float(n % 3 == 0) for n in range(k, k + 9)] for k in range(20)]
    first, again, other = (
        make_sheet(labels, f"sheet_{n}", studies=5, seed=seed).read_bytes()
        for n, seed in enumerate((0, 0, 1))
    )
    assert first == again
    assert first != other


def test_as_many_studies_as_wanted_and_only_those_with_a_report(make_sheet: Make) -> None:
    labels = [[1.0]] * 6
    assert read(make_sheet(labels, studies=3))["study"].nunique() == 3
    assert set(read(make_sheet(labels))["study"]) == {"S0", "S1", "S2", "S3", "S4"}


def test_outside_the_private_side_the_sheet_must_be_called_confidential(
    make_sheet: Make, tmp_path: Path
) -> None:
    output = tmp_path / "results" / "not_private" / "sheet.csv"
    with pytest.raises(InputError, match="put it under private/, or add --confidential"):
        make_sheet([[1.0]] * 2, output=output)
    assert not output.exists()
    make_sheet([[1.0]] * 2, output=output, confidential=True)
    assert output.exists()


LABELS = pd.DataFrame(
    {
        "study": ["S1", "S2", "S3", "S4", "S5"],
        "amyloid": [1, 0, 0, 0, 1],
        "normal": [0, 1, float("nan"), 0, 1],
    }
)
READ = [
    *(("S1", "amyloid", "1"), ("S2", "amyloid", "0"), ("S3", "amyloid", "0"), ("S4", "amyloid", "1")),
    *(("S5", "amyloid", "?"), ("S1", "normal", ""), ("S2", "normal", "1"), ("S3", "normal", "1")),
]


def score(folder: Path, rows: list[tuple[str, ...]], columns: tuple[str, ...]) -> pd.DataFrame:
    LABELS.to_parquet(folder / "labels.parquet")
    pd.DataFrame(rows, columns=list(columns)).to_csv(folder / "read.csv", index=False)
    score_labels(folder / "labels.parquet", folder / "read.csv", folder / "scores.csv")
    return pd.read_csv(folder / "scores.csv").set_index("task")


def test_agreement_is_that_by_hand(tmp_path: Path) -> None:
    """Amyloid: reader 1 0 0 1, labels 1 0 0 0; so 3 of 4 agree, by chance 1/2, kappa (3/4 - 1/2) / (1/2)."""
    scores = score(tmp_path, READ, ("study", "task", "reader"))
    assert scores.index.tolist() == ["all", "amyloid", "normal"]
    counts = scores[["studies", "n", "only_first", "only_second", "neither"]]
    assert counts.loc["amyloid"].tolist() == [5, 4, 0, 1, 0]
    assert counts.loc["normal"].tolist() == [3, 1, 1, 1, 0]
    assert counts.loc["all"].tolist() == [8, 5, 1, 2, 0]
    amyloid = scores.loc["amyloid"]
    assert amyloid["agreement"] == 0.75
    assert amyloid["kappa"] == pytest.approx(0.5)
    assert amyloid["positive_f1"] == pytest.approx(2 / 3)
    assert (amyloid["prevalence_first"], amyloid["prevalence_second"]) == (0.5, 0.25)
    assert scores.loc["all", "agreement"] == 0.8
    assert pd.isna(scores.loc["normal", "kappa"])  # one study


def test_a_filled_in_sheet_is_scored(
    make_sheet: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = make_sheet([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    sheet = read(path)
    labels = pd.read_parquet(tmp_path / "labels.parquet").set_index("study")
    sheet["reader"] = [int(labels.loc[s, t]) for s, t in zip(sheet["study"], sheet["task"], strict=True)]
    sheet.to_csv(path, index=False)
    score_labels(tmp_path / "labels.parquet", path, tmp_path / "scores.csv")
    assert pd.read_csv(tmp_path / "scores.csv")["agreement"].tolist() == [1, 1, 1]
    assert "agreement 1.000, kappa 1.000" in caplog.text


@pytest.mark.parametrize(
    ("row", "error"),
    [
        (("S1", "amyloid", "yes"), "--reviewed, row 3: reader must be 1, 0, ? or empty"),
        (("S1", "amyloid", "0.5"), "--reviewed, row 3: reader must be 1, 0, ? or empty"),
        (("S9", "amyloid", "1"), "--reviewed, row 3: no such study and diagnosis among the labels"),
        (("S1", "sarcoidosis", "1"), "--reviewed, row 3: no such study and diagnosis among the labels"),
    ],
)
def test_a_bad_cell_is_named_by_its_row(tmp_path: Path, row: tuple[str, ...], error: str) -> None:
    with pytest.raises(InputError) as caught:
        score(tmp_path, [READ[0], row, READ[1]], ("study", "task", "reader"))
    assert str(caught.value) == error
    assert not (tmp_path / "scores.csv").exists()


def test_another_sheet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="row 1: no column task, reader; see review-labels"):
        score(tmp_path, READ, ("study", "diagnosis", "answer"))
