import json

import pytest

from cineclr.config import Config, load_config
from cineclr.frozen import OF_MODELS, describe_models, find_difference, record_models


@pytest.mark.parametrize("wing", ["echo", "cmr"])
def test_every_named_setting_is_one_and_training_is_not_among_them(wing):
    described = describe_models(Config(), wing)
    for name in OF_MODELS[wing]:
        assert any(key == f"{wing}.{name}" or key.startswith(f"{wing}.{name}.") for key in described), name
    assert not any("epochs" in name or "evaluation" in name or "cohort" in name for name in described)


def test_a_run_that_agrees_may_differ_in_all_else(tmp_path):
    settings = json.dumps(describe_models(Config(), "echo"))
    record_models(settings, tmp_path / "models.json")
    recorded = json.loads((tmp_path / "models.json").read_text())
    echo = {"evaluation": {"min_cell": 1}, "finetune": {"max_epochs": 3}}
    other = load_config({"seed": 5, "echo": echo})
    assert find_difference(describe_models(other, "echo"), recorded) == ""


def test_a_part_of_the_grid_is_enough_and_more_is_not():
    echo = {"finetune": {"inits": ["echoclr"], "ratios": [0.5], "tasks": ["lvh"]}}
    part, whole = describe_models(load_config({"echo": echo}), "echo"), describe_models(Config(), "echo")
    assert find_difference(part, whole) == ""
    message = find_difference(whole, part)
    assert "echo.finetune.tasks has severe_as" in message
    assert "models of lvh only" in message


@pytest.mark.parametrize(
    ("wing", "changes", "words"),
    [
        ("echo", {"encoder": {"width": 8, "kinetics400": "none"}}, "echo.encoder.width is 8"),
        ("echo", {"clips": {"size": 64}}, "echo.clips.size is 64, that of the models 112"),
        ("echo", {"finetune": {"search_up_to": 0}}, "echo.finetune.search_up_to"),
        ("echo", {"finetune": {"learning_rates": {"ssl": [0.1]}}}, "echo.finetune.learning_rates.ssl"),
        ("cmr", {"video_encoder": {"frames": 8}}, "cmr.video_encoder.frames is 8, that of the models 16"),
        ("cmr", {"lvef": {"modes": ["fine_tuning"]}}, ""),
    ],
)
def test_the_first_difference_is_named(wing, changes, words):
    ours = describe_models(load_config({wing: changes}), wing)
    found = find_difference(ours, describe_models(Config(), wing))
    assert words in found
    assert bool(found) == bool(words)


def test_a_setting_that_was_not_recorded_is_a_difference():
    recorded = describe_models(Config(), "cmr")
    del recorded["cmr.video_encoder.size"]
    assert "that of the models None" in find_difference(describe_models(Config(), "cmr"), recorded)
