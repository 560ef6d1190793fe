import json
from copy import deepcopy

import pytest

from cineclr.errors import InputError
from cineclr.ledger import MEANING, Code
from cineclr.reporting.flow_chart import describe_flow, read_flow

FLOW = {
    "files": 100,
    "stages": [
        {"stage": "scan", "input": 100, "passed": 60, "set_aside": {"not_dicom": 10, "single_frame": 30}},
        {"stage": "views", "input": 60, "passed": 21, "set_aside": {"other_view": 39}},
        {"stage": "cohort", "input": 21, "passed": 21, "set_aside": {}},
    ],
    "buckets": {"used": 21},
    "studies": {"input": 12, "scan": 9, "views": 1},
    "videos": {"train": 20, "external": 1},
    "studies_by_split": {"external": 1, "train": 8},
    "training_studies_without_pair": 1,
    "missing_lvh": 2,
    "a_key_of_the_future": 7,
}


def test_boxes_say_what_passed_and_what_was_set_aside_in_words():
    chart = describe_flow(FLOW)
    assert [step.count for step in chart.steps] == [
        "100 files, 12 studies", "60 clips, 9 studies", "21 clips, 1 study", "21 clips",
    ]  # fmt: skip
    assert chart.steps[1].set_aside == (
        ("40", "set aside"), ("30", MEANING[Code.SINGLE_FRAME]), ("10", MEANING[Code.NOT_DICOM]),
    )  # fmt: skip
    assert chart.steps[3].set_aside == ()
    assert [(split.title, split.studies, split.clips) for split in chart.splits] == [
        ("Training", "8 studies", "20 clips"),
        ("External test", "1 study", "1 clip"),
    ]
    assert chart.footnote[0] == "Every file is counted once: 100 found = 21 used + 79 set aside."
    assert len(chart.footnote) == 3


def test_every_code_of_the_ledger_has_words():
    flow = {**FLOW, "files": len(Code), "stages": [
        {"stage": "scan", "input": len(Code), "passed": 0, "set_aside": dict.fromkeys(map(str, Code), 1)},
    ]}  # fmt: skip
    words = {reason for _, reason in describe_flow(flow).steps[1].set_aside}
    assert words == {"set aside", *MEANING.values()}


def test_a_lost_file_is_an_error():
    lost = deepcopy(FLOW)
    lost["stages"][1]["set_aside"]["other_view"] = 38
    with pytest.raises(
        InputError, match="stage views should take in 60 files, but counts 60 in, 21 passed and 38"
    ):
        describe_flow(lost)
    gap = deepcopy(FLOW)
    gap["stages"][1]["input"] = 59
    with pytest.raises(InputError, match="stage views"):
        describe_flow(gap)


def test_an_incomplete_flow_is_named(tmp_path):
    path = tmp_path / "flow.json"
    with pytest.raises(InputError, match="no such file"):
        read_flow(path)
    path.write_text(json.dumps({"files": 3, "stages": []}))
    with pytest.raises(InputError, match="no studies_by_split, videos"):
        read_flow(path)


def make_flow(studies, splits):
    """A flow in which no file is lost and studies are."""
    stages = [name for name in studies if name != "input"]
    return {
        "files": 900,
        "stages": [{"stage": name, "input": 900, "passed": 900, "set_aside": {}} for name in stages],
        "studies": studies,
        "studies_by_split": splits,
        "videos": dict.fromkeys(splits, 3),
        "training_studies_without_pair": 4,
        "missing_lvh": 7,
    }


def shown(flow, min_cell=11):
    chart = describe_flow(flow, min_cell)
    return [step.count for step in chart.steps], [split.studies for split in chart.splits], chart.footnote


def test_differences_between_stages_do_not_show_a_few_studies():
    studies = {"input": 560, "scan": 556, "deidentify": 549, "views": 538, "clips": 538, "cohort": 530}
    steps, splits, notes = shown(make_flow(studies, {"train": 400, "external": 130}))
    # 560 - 549 = 11 may be told; 556 and 538 would tell of 7 and of 8.
    assert steps == [
        "900 files, 560 studies", "900 clips", "900 clips, 549 studies", "900 clips", "900 clips",
        "900 clips, 530 studies",
    ]  # fmt: skip
    assert splits == ["400 studies", "130 studies"]
    assert "<11 training studies with a single clip" in notes[1]
    assert not any("7" in note for note in notes[2:])


def test_a_small_split_is_not_the_rest_of_a_total():
    steps, splits, _ = shown(make_flow({"input": 560, "cohort": 138}, {"external": 130, "val": 8}))
    assert steps == ["900 files", "900 clips"]
    assert splits == ["<11 studies", "130 studies"]


def test_with_a_cell_of_one_everything_is_shown():
    steps, splits, notes = shown(make_flow({"input": 139, "cohort": 138}, {"external": 130, "val": 8}), 1)
    assert steps == ["900 files, 139 studies", "900 clips, 138 studies"]
    assert splits == ["8 studies", "130 studies"]
    assert notes[1].startswith("4 training studies")
