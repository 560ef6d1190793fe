import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cineclr.cohort.cmr.splits import check_cohorts, check_splits, find_unusable_tasks, split_patients
from cineclr.config.cmr import Cohort
from cineclr.errors import InputError

ROLES = {"clinical": "development", "bank": "train_and_test", "northern": "external", "heart": "zero_shot"}


def make_sheet(patients: int, per_patient: int = 1, cohorts: tuple[str, ...] = ("clinical",)) -> pd.DataFrame:
    rows = [
        {"study": f"S{cohort}{n}.{k}", "patient": f"P{cohort}{n}", "cohort": cohort}
        for cohort in cohorts
        for n in range(patients)
        for k in range(per_patient)
    ]
    return pd.DataFrame(rows)


def test_the_papers_shares_of_patients() -> None:
    sheet = make_sheet(17088)
    counts = split_patients(sheet, Cohort(), 0).value_counts()
    # 75:25 by patient, then 66:34 and 50:25:25; each cut is rounded down.
    assert counts.to_dict() == {
        "pretrain_train": 8458,
        "pretrain_val": 4358,
        "train": 2136,
        "val": 1068,
        "test": 1068,
    }


@hypothesis_settings(max_examples=30, deadline=None)
@given(st.integers(30, 200), st.integers(0, 5), st.integers(1, 3))
def test_patients_stay_together_and_roles_have_their_splits(n: int, seed: int, per_patient: int) -> None:
    sheet = make_sheet(n, per_patient, tuple(ROLES))
    splits = split_patients(sheet, Cohort(roles=ROLES), seed)
    assert splits.groupby(sheet["patient"]).nunique().max() == 1
    found = {cohort: set(part) for cohort, part in splits.groupby(sheet["cohort"])}
    assert found["northern"] == found["heart"] == {"test"}
    assert found["bank"] == {"train", "val", "test"}
    assert found["clinical"] == {"pretrain_train", "pretrain_val", "train", "val", "test"}
    shuffled = sheet.sample(frac=1, random_state=seed)
    assert split_patients(shuffled, Cohort(roles=ROLES), seed).sort_index().equals(splits)


def test_another_cohort_moves_nobody() -> None:
    alone = split_patients(make_sheet(50), Cohort(), 3)
    both = make_sheet(50, cohorts=("clinical", "northern"))
    roles = {"clinical": "development", "northern": "external"}
    assert split_patients(both, Cohort(roles=roles), 3)[:50].equals(alone)


@pytest.mark.parametrize(
    ("cohorts", "roles", "words"),
    [
        (("clinical", "bank"), {"clinical": "development"}, "bank, which has no role"),
        (("clinical",), {"clinical": "development", "bank": "external"}, "bank, which no row"),
    ],
)
def test_cohorts_and_roles_must_meet(cohorts: tuple[str, ...], roles: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_cohorts(make_sheet(3, cohorts=cohorts), roles)


def test_a_patient_of_two_cohorts_is_counted_and_not_named() -> None:
    sheet = make_sheet(4, cohorts=("clinical", "northern"))
    sheet.loc[sheet["study"] == "Snorthern1.0", "patient"] = "Pclinical2"
    with pytest.raises(InputError, match="1 patients stand in several cohorts") as error:
        check_cohorts(sheet, {"clinical": "development", "northern": "external"})
    assert "Pclinical2" not in str(error.value)


def test_empty_splits_are_named() -> None:
    cohort = make_sheet(5).assign(role="development", split=["pretrain_train", "train", "val", "test", "val"])
    with pytest.raises(InputError, match="no study for development pretrain_val"):
        check_splits(cohort)


def test_tasks_need_both_classes_in_each_split_of_those_that_train() -> None:
    cohort = pd.DataFrame(
        {
            "split": ["train", "train", "val", "val", "test", "test", "test"],
            "role": [*["development"] * 6, "external"],
            "amyloid": [1, 0, 1, 0, 0, None, 1],
            "normal": [1, 0, 1, 0, 1, 0, 0],
        }
    )
    assert find_unusable_tasks(cohort, ["amyloid", "normal"]) == [
        "amyloid, split test: 1 labelled studies, 0 positive"
    ]
