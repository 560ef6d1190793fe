import json
import logging
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest
from cohort_files import make_sheet, make_stages, run
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cineclr.cohort.build import build_cohort, label_studies, make_splits, name_scanners, split_units
from cineclr.cohort.flow import sort_into_buckets
from cineclr.config.echo import Cohort, LvhThresholds
from cineclr.errors import InputError
from cineclr.files import write_parquet

PAPER = {"train": Fraction("0.75"), "val": Fraction("0.10"), "internal": Fraction("0.15")}


def test_the_papers_counts() -> None:
    split = split_units(pd.Series([f"S{n}" for n in range(7082)]), PAPER, 0)
    assert split.value_counts().to_dict() == {"train": 5311, "internal": 1063, "val": 708}


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.integers(20, 300), st.integers(0, 3), st.integers(1, 4))
def test_shares_hold_and_units_stay_together(studies: int, seed: int, per_patient: int) -> None:
    patients = pd.Series([f"P{n // per_patient}" for n in range(studies)])
    split = split_units(patients, PAPER, seed)
    assert split.groupby(patients).nunique().max() == 1
    for name, share in PAPER.items():
        assert abs((split == name).sum() - share * studies) < 1 + per_patient
    shuffled = patients.sample(frac=1, random_state=seed)
    assert split_units(shuffled, PAPER, seed).sort_index().equals(split)


def test_labels_follow_the_thresholds_of_each_sex() -> None:
    sheet = pd.DataFrame(
        {
            "sex": ["F", "F", "M", "M", "F"],
            "lv_mass_index": [95, 95.1, 115, 115.1, None],
            "as_severity": ["none", "mild", "moderate", "severe", "severe"],
        }
    )
    labels = label_studies(sheet, LvhThresholds())
    assert labels["lvh"].tolist()[:4] == [0, 1, 0, 1]
    assert labels["lvh"].isna().tolist() == [False] * 4 + [True]
    assert labels["severe_as"].tolist() == [0, 0, 0, 1, 1]


def test_cohort_holds_every_file_once_and_every_study_right(tmp_path: Path) -> None:
    sheet = make_sheet()
    sheet.loc[3, "low_flow_low_gradient"] = 1
    sheet.loc[6, "year"] = 2014
    sheet.loc[7, "lv_mass_index"] = None
    outputs = run(tmp_path, sheet)
    files = pd.read_parquet(outputs["files"])
    scan = pd.read_parquet(tmp_path / "scan.parquet")
    assert sorted(files["file"]) == sorted(scan["file"])
    assert set(files["bucket"]) == {
        "used", "not_dicom", "single_frame", "mask_failed", "other_view", "too_short",
        "not_in_sheet", "year_outside", "low_flow_low_gradient",
    }  # fmt: skip
    splits = pd.read_csv(outputs["splits"])
    assert splits["study"].is_monotonic_increasing
    assert set(sheet["study"]) - set(splits["study"]) == {sheet["study"][3], sheet["study"][6]}
    assert (splits["split"] == "external").equals(splits["year"] == 2021)
    assert splits["videos"].sum() == (files["bucket"] == "used").sum()
    assert list(splits.columns)[-3:] == ["videos", "scanner", "site"]
    assert set(splits["scanner"]) == {"ge vivid e95"}
    assert "low_flow_low_gradient" not in splits


def test_a_study_has_the_scanner_of_most_of_its_videos() -> None:
    videos = pd.DataFrame(
        [
            ("B", "philips", "epiq 7"), ("A", "ge", "vivid e95"), ("B", "ge", "vivid e95"),
            ("B", "philips", "epiq 7"), ("A", "ge", "vivid 7"), ("C", "other", "other"),
        ],
        columns=["study", "vendor", "model"],
    )  # fmt: skip
    for order in (videos, videos.iloc[::-1]):
        named = name_scanners(pd.Series(["A", "B"]), order)
        assert named.tolist() == ["ge vivid 7", "philips epiq 7"]


def test_flow_adds_up(tmp_path: Path) -> None:
    outputs = run(tmp_path, make_sheet())
    flow = json.loads(outputs["flow"].read_text())
    assert [stage["stage"] for stage in flow["stages"]] == ["scan", "deidentify", "views", "clips", "cohort"]
    incoming = flow["files"]
    for stage in flow["stages"]:
        assert stage["input"] == incoming
        incoming = stage["input"] - sum(stage["set_aside"].values())
        assert incoming == stage["passed"]
    assert incoming == flow["buckets"]["used"] == sum(flow["videos"].values())
    assert sum(flow["buckets"].values()) == flow["files"] == 61 * 3 + 1
    assert flow["studies"] == {
        "input": 61,
        "scan": 61,
        "deidentify": 61,
        "views": 61,
        "clips": 61,
        "cohort": 60,
    }
    assert sum(flow["studies_by_split"].values()) == 60
    assert flow["training_studies_without_pair"] == 0
    assert flow["missing_lvh"] == 0


def test_low_flow_may_stay_in(tmp_path: Path) -> None:
    sheet = make_sheet().assign(low_flow_low_gradient=[1, *[0] * 59])
    outputs = run(tmp_path, sheet, Cohort(exclude_low_flow_low_gradient=False))
    assert sheet["study"][0] in set(pd.read_csv(outputs["splits"])["study"])


def test_same_seed_same_bytes_other_seed_other_split(tmp_path: Path) -> None:
    first = run(tmp_path / "a", make_sheet())
    again = run(tmp_path / "b", make_sheet().sample(frac=1, random_state=0))
    other = run(tmp_path / "c", make_sheet(), seed=1)
    assert all(first[name].read_bytes() == again[name].read_bytes() for name in first)
    assert first["splits"].read_bytes() != other["splits"].read_bytes()


def test_patients_in_several_splits_are_counted_and_avoidable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sheet = make_sheet().query("year != 2021")
    sheet = pd.concat(
        [sheet, make_sheet(4).assign(study=["T1", "T2", "T3", "T4"], patient="P_new", year=2021)]
    )
    with caplog.at_level(logging.WARNING):
        flow = json.loads(run(tmp_path / "study", sheet)["flow"].read_text())
    assert flow["patients_in_several_splits"] > 0
    assert "patients have studies in several splits" in caplog.text
    outputs = run(tmp_path / "patient", sheet, Cohort(split_unit="patient"))
    assert json.loads(outputs["flow"].read_text())["patients_in_several_splits"] == 0


@pytest.mark.parametrize(("years", "split"), [({2016}, "external"), ({2021}, "train")])
def test_an_empty_split_is_named(years: set[int], split: str) -> None:
    sheet = make_sheet().assign(year=max(years))
    used = sheet[["study"]]
    with pytest.raises(InputError, match=f"no study for the {split} split"):
        make_splits(sheet, used, Cohort(), 0)


def test_too_few_studies_for_a_validation_split() -> None:
    sheet = make_sheet(6).iloc[1:]
    with pytest.raises(InputError, match="no study for the val split: 4 development and 1 external"):
        make_splits(sheet, sheet[["study"]], Cohort(), 0)


def test_where_models_are_tested_all_is_the_test_set_but_those_they_learned_from(tmp_path: Path) -> None:
    sheet = make_sheet().assign(year=2005)
    stages = make_stages(sheet, tmp_path)
    learned = sheet[["study", "patient"]].iloc[[0, 10, 20]].assign(split=["train", "val", "internal"])
    write_parquet(learned, tmp_path / "learned.parquet", key_fingerprint="")
    videos = pd.DataFrame({"study": ["S_of_theirs"], "sha256": ["a"]})
    write_parquet(videos, tmp_path / "videos.parquet")
    for path in stages["manifests"]:  # type: ignore[attr-defined]
        pd.read_parquet(path).assign(sha256="b").to_parquet(path)
    outputs = {"splits": tmp_path / "s.csv", "files": tmp_path / "f.parquet", "flow": tmp_path / "flow.json"}
    places = {"learned": [tmp_path / "learned.parquet"], "learned_videos": [tmp_path / "videos.parquet"]}
    build_cohort(**stages, **places, settings=Cohort(), seed=0, **outputs)  # type: ignore[arg-type]
    splits = pd.read_csv(outputs["splits"])
    assert set(splits["split"]) == {"external"}
    known = sheet["patient"].isin([sheet["patient"][0], sheet["patient"][10]])
    assert set(splits["study"]) == set(sheet.loc[~known, "study"])
    files = pd.read_parquet(outputs["files"])
    assert set(files.loc[files["bucket"] == "learned_from", "study"]) == set(sheet.loc[known, "study"])
    assert json.loads(outputs["flow"].read_text())["studies_by_split"] == {"external": 56}


def test_a_cohort_of_known_patients_only_is_refused() -> None:
    sheet = make_sheet()
    with pytest.raises(InputError, match="no study is left"):
        make_splits(sheet, sheet[["study"]].iloc[:0], Cohort(), 0, tests_only=True)


def test_a_sheet_of_other_studies_points_to_the_link(tmp_path: Path) -> None:
    stages = make_stages(make_sheet(), tmp_path)
    make_sheet().assign(study="Sx").to_parquet(tmp_path / "sheet.parquet")
    outputs = {name: tmp_path / name for name in ("splits", "files", "flow")}
    with pytest.raises(InputError, match=r"none of the 61 studies .* check `link`"):
        build_cohort(**stages, settings=Cohort(), seed=0, **outputs)


@pytest.mark.parametrize("damage", ["lost", "doubled", "foreign"])
def test_an_unbalanced_stage_is_an_error(damage: str) -> None:
    first = pd.DataFrame({"file": ["F1", "F2"], "study": "S", "video": ["V1", "V2"], "code": "passed"})
    second = {
        "lost": first.iloc[:1],
        "doubled": first.iloc[[0, 1, 1]],
        "foreign": first.assign(file=["F1", "F3"]),
    }[damage]
    with pytest.raises(ValueError, match="views: 2 files came in"):
        sort_into_buckets({"scan": first, "views": second})
