"""Splits of the user's own, from the file to the cohort."""

import json
from pathlib import Path

import pandas as pd
import pytest
from cohort_files import make_sheet, run

from cineclr.cohort.cmr.splits import take_splits
from cineclr.cohort.given import add_given_splits
from cineclr.config.echo import SPLITS, TESTS
from cineclr.errors import InputError
from cineclr.files import read_fact

SHEET = pd.DataFrame(
    {"study_id": ["1.1", "1.2", "1.3", "1.4"], "patient_id": ["a", "b", "A", "c"]}, index=[2, 3, 5, 6]
)


def add(folder: Path, *lines: str, header: str = "study_id,split") -> pd.DataFrame:
    (folder / "splits.csv").write_text("\n".join([header, *lines]) + "\n")
    return add_given_splits(SHEET, folder / "splits.csv", SPLITS, TESTS)


def test_without_a_file_the_sheet_stays_as_it_is() -> None:
    assert add_given_splits(SHEET, None, SPLITS, TESTS) is SHEET


def test_splits_find_their_studies_and_may_leave_some_out(tmp_path: Path) -> None:
    sheet = add(tmp_path, "1.4,external", "1.1,train", "1.3,val")
    assert sheet["split"].tolist()[:1] == ["train"]
    assert sheet["split"].isna().tolist() == [False, True, False, False]
    assert sheet.loc[[5, 6], "split"].tolist() == ["val", "external"]
    assert sheet["sheet_row"].tolist() == [2, 3, 5, 6]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["1.1,train", "9.9,val"], "splits, row 3, column 'study_id': the sheet has no such study"),
        (["1.1,test"], "splits, row 2, column 'split': must be one of train, val, internal, external"),
        (["1.1,train", "1.1,train"], "splits, row 3, column 'study_id': the same study again"),
        (["1.1,train", "1.2,val", "1.3,external"], "splits, rows 2, 4: studies of one patient in external, "),
        (["1.1,val", "1.3,internal"], "splits, rows 2, 3: studies of one patient in internal, val"),
    ],
)
def test_mistakes_are_named_by_row_and_quote_no_study(tmp_path: Path, lines: list[str], words: str) -> None:
    with pytest.raises(InputError) as error:
        add(tmp_path, *lines)
    assert words in str(error.value)
    assert not any(study in str(error.value) for study in ("1.1", "9.9"))


def test_a_column_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="splits, row 1: no column 'split'"):
        add(tmp_path, "1.1,train", header="study_id,part")


def given_sheet() -> pd.DataFrame:
    sheet = make_sheet()
    sheet["split"] = [SPLITS[i // 2 % 4] for i in range(len(sheet))]  # two studies per patient
    return sheet.assign(sheet_row=range(2, 2 + len(sheet)))


def test_the_cohort_takes_what_was_given_and_says_so(tmp_path: Path) -> None:
    sheet = given_sheet()
    outputs = run(tmp_path, sheet)
    splits = pd.read_csv(outputs["splits"]).set_index("study")
    assert (splits["split"] == sheet.set_index("study")["split"][splits.index]).all()
    assert list(splits.columns)[-3:] == ["videos", "scanner", "site"]
    assert json.loads(outputs["flow"].read_text())["splits"] == "given"
    assert read_fact(outputs["splits"].with_suffix(".parquet"), "splits") == "given"
    assert json.loads(run(tmp_path, make_sheet())["flow"].read_text())["splits"] == "drawn"


def test_a_study_of_the_cohort_needs_a_split(tmp_path: Path) -> None:
    sheet = given_sheet()
    sheet.loc[[4, 7], "split"] = None
    sheet.loc[7, "low_flow_low_gradient"] = 1  # not in the cohort
    with pytest.raises(InputError, match="cohort: sheet, row 6: a study of the cohort without") as error:
        run(tmp_path, sheet)
    assert len(str(error.value).splitlines()) == 1


def test_roles_say_which_splits_an_mri_study_may_have() -> None:
    sheet = pd.DataFrame(
        {
            "cohort": ["clinical", "biobank", "northern"],
            "split": ["pretrain_val", "train", None],
            "sheet_row": [2, 3, 4],
        }
    )
    roles = {"clinical": "development", "biobank": "train_and_test", "northern": "external"}
    assert take_splits(sheet, roles).tolist() == ["pretrain_val", "train", "test"]
    sheet["split"] = ["train", "pretrain_train", "val"]
    with pytest.raises(InputError) as error:
        take_splits(sheet, roles)
    assert [line.split(": by")[0] for line in str(error.value).splitlines()] == [
        "cohort: sheet, row 3",
        "cohort: sheet, row 4",
    ]
    sheet.loc[0, "split"] = None
    sheet["split"] = [None, "train", "test"]
    assert take_splits(sheet, roles).isna().tolist() == [True, False, False]
