import re
from pathlib import Path

import pandas as pd

from cineclr.config import Echo
from cineclr.published import ASSUMED, NOTES, describe_departures, list_choices
from cineclr.reporting.tables import tabulate_deviations

CONFIG = Path(__file__).parents[2] / "config.yaml"


def of(choices, setting):
    return next(choice for choice in choices if choice.setting == setting)


def test_every_setting_of_the_published_run_is_the_papers_or_assumed_but_for_the_mask():
    choices = list_choices(Echo())
    assert {choice.setting for choice in choices if choice.status == "differs"} == {"deidentify.mask"}
    assert of(choices, "pretrain.temperature").released_code == "0.05"
    assert of(choices, "pretrain.temperature").status == "paper"
    assert of(choices, "predict.clips_per_video").status == "assumed"
    assert not any(choice.setting.endswith("cpu_threads") for choice in choices)
    assert describe_departures(Echo()) == ""


def test_a_changed_setting_differs_and_is_told_in_the_note():
    echo = Echo.model_validate({"pretrain": {"temperature": 0.05, "cpu_threads": 1, "precision": "32-true"}})
    changed = of(list_choices(echo), "pretrain.temperature")
    assert (changed.paper, changed.this_run, changed.status) == ("0.5", "0.05", "differs")
    assert describe_departures(echo) == "not the paper's settings: pretrain.temperature 0.05 (paper: 0.5)"


def test_many_changes_are_counted_in_the_note():
    changes = {
        "temperature": 0.05,
        "frames": 3,
        "batch_size": 8,
        "learning_rate": 0.01,
        "projector_hidden": 1,
    }
    note = describe_departures(Echo.model_validate({"pretrain": changes}))
    assert note.count("(paper:") == 3
    assert note.endswith(" and 2 more: see deviations.csv")


def test_a_changed_assumption_stays_one_and_names_the_default():
    echo = Echo.model_validate({"predict": {"clips_per_video": 1}})
    choice = of(list_choices(echo), "predict.clips_per_video")
    assert (choice.status, choice.this_run, choice.note) == ("assumed", "1", "default: 4")


def test_defects_are_listed_and_are_no_settings():
    defects = [choice for choice in list_choices(Echo()) if choice.status == "fixed"]
    assert len(defects) >= 10
    assert all(choice.released_code and choice.this_run and not choice.setting for choice in defects)


def test_notes_and_assumptions_name_settings_that_exist():
    known = {choice.setting for choice in list_choices(Echo())}
    assert set(NOTES) <= known
    for name in ASSUMED:
        assert any(setting == name or setting.startswith(f"{name}.") for setting in known), name


def test_what_config_yaml_marks_as_assumed_is_assumed_here():
    """The mark stands on a setting's line, or in the comment above one or several of them."""
    marked, above, path = set(), False, []
    for line in CONFIG.read_text().splitlines():
        if line.lstrip().startswith("#"):
            above = "(assumed)" in line or (above and not line.rstrip().endswith("."))
            continue
        if found := re.match(r"( *)(\w+):", line):
            path = [*path[: len(found[1]) // 2], found[2]]
            if "(assumed)" in line or above:
                marked.add(".".join(path[1:]))
            above = above and path[-1] == "target_sensitivity"
        else:
            above = False
    assert marked
    assert marked <= set(ASSUMED) | set(NOTES), marked - set(ASSUMED) - set(NOTES)


def test_the_table_has_a_row_per_choice(tmp_path):
    tabulate_deviations(Echo(), tmp_path / "deviations.csv")
    table = pd.read_csv(tmp_path / "deviations.csv", keep_default_na=False)
    assert table.columns.tolist() == ["setting", "paper", "released_code", "this_run", "status", "note"]
    assert len(table) == len(list_choices(Echo()))
