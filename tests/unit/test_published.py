import re
from pathlib import Path

import pytest

from cineclr.config.cmr import Cmr
from cineclr.config.echo import Echo
from cineclr.published import describe_departures, list_choices
from cineclr.published.cmr import CMR
from cineclr.published.echo import ECHO

CONFIG = Path(__file__).parents[2] / "config.yaml"
both = pytest.mark.parametrize(("paper", "section"), [(ECHO, Echo), (CMR, Cmr)], ids=["echo", "cmr"])


def of(choices, setting):
    return next(choice for choice in choices if choice.setting == setting)


@pytest.mark.parametrize(
    ("paper", "section", "departures"), [(ECHO, Echo, {"deidentify.mask"}), (CMR, Cmr, set())]
)
def test_the_published_run_has_the_papers_settings_or_assumed_ones(paper, section, departures):
    choices = list_choices(paper, section())
    assert {choice.setting for choice in choices if choice.status == "differs"} == departures
    assert not any(choice.setting.endswith("cpu_threads") for choice in choices)
    assert describe_departures(paper, section()) == ""


def test_the_released_code_stands_beside_the_paper():
    choices = list_choices(ECHO, Echo())
    assert of(choices, "pretrain.temperature").released_code == "0.05"
    assert of(choices, "pretrain.temperature").status == "paper"
    assert of(choices, "predict.clips_per_video").status == "assumed"


def test_a_changed_setting_differs_and_is_told_in_the_note():
    echo = Echo.model_validate({"pretrain": {"temperature": 0.05, "cpu_threads": 1, "precision": "32-true"}})
    changed = of(list_choices(ECHO, echo), "pretrain.temperature")
    assert (changed.paper, changed.this_run, changed.status) == ("0.5", "0.05", "differs")
    note = "not the paper's settings: pretrain.temperature 0.05 (paper: 0.5)"
    assert describe_departures(ECHO, echo) == note


def test_many_changes_are_counted_in_the_note():
    changes = {
        "temperature": 0.05,
        "frames": 3,
        "batch_size": 8,
        "learning_rate": 0.01,
        "projector_hidden": 1,
    }
    note = describe_departures(ECHO, Echo.model_validate({"pretrain": changes}))
    assert note.count("(paper:") == 3
    assert note.endswith(" and 2 more: see deviations.csv")


def test_a_changed_assumption_stays_one_and_names_the_default():
    echo = Echo.model_validate({"predict": {"clips_per_video": 1}})
    choice = of(list_choices(ECHO, echo), "predict.clips_per_video")
    assert (choice.status, choice.this_run, choice.note) == ("assumed", "1", "default: 4")


@both
def test_defects_are_listed_and_are_no_settings(paper, section):
    defects = [choice for choice in list_choices(paper, section()) if choice.status == "fixed"]
    assert len(defects) >= 10
    assert all(choice.released_code and choice.this_run and not choice.setting for choice in defects)


@both
def test_notes_and_assumptions_name_settings_that_exist(paper, section):
    known = {choice.setting for choice in list_choices(paper, section())}
    assert set(paper.notes) <= known
    for name in paper.assumed:
        assert any(setting == name or setting.startswith(f"{name}.") for setting in known), name


def marked_in_config(wing):
    """Return the settings that config.yaml marks, on their line or in the comment above one or more."""
    marked, above, path = set(), False, []
    for line in CONFIG.read_text().splitlines():
        if line.lstrip().startswith("#"):
            above = "(assumed)" in line or (above and not line.rstrip().endswith("."))
            continue
        if found := re.match(r"( *)(\w+):", line):
            path = [*path[: len(found[1]) // 2], found[2]]
            if path[0] == wing and ("(assumed)" in line or above):
                marked.add(".".join(path[1:]))
            above = above and path[-1] == "target_sensitivity"
        else:
            above = False
    return marked


@pytest.mark.parametrize(("wing", "paper"), [("echo", ECHO), ("cmr", CMR)])
def test_what_config_yaml_marks_as_assumed_is_assumed_here(wing, paper):
    marked = marked_in_config(wing)
    assert marked
    explained = set(paper.notes) | {name for name in marked if name.startswith(paper.assumed)}
    assert marked <= explained, marked - explained


@pytest.mark.parametrize(("wing", "paper", "section"), [("echo", ECHO, Echo), ("cmr", CMR, Cmr)])
def test_what_is_assumed_here_is_marked_in_config_yaml(wing, paper, section):
    marked = marked_in_config(wing)
    assumed = {choice.setting for choice in list_choices(paper, section()) if choice.status == "assumed"}
    unmarked = {name for name in assumed if not any(f"{name}.".startswith(f"{mark}.") for mark in marked)}
    assert not unmarked
