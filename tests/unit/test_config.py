import json
from pathlib import Path

import pytest
import yaml

from cineclr.config import Config, load_config, write_schema
from cineclr.config.base import parse_settings
from cineclr.errors import InputError

ROOT = Path(__file__).parents[2]


def test_shipped_config_holds_the_defaults():
    assert load_config(yaml.safe_load((ROOT / "config.yaml").read_text())) == Config()


def test_schema_has_not_drifted(tmp_path):
    write_schema(tmp_path / "schema.json")
    shipped = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
    assert json.loads((tmp_path / "schema.json").read_text()) == shipped, "run: cineclr write-schema"


def test_every_setting_is_described():
    schema = Config.model_json_schema()
    plain = {
        f"{name}.{key}"
        for name, section in schema["$defs"].items()
        for key, field in section["properties"].items()
        if "description" not in field and "$ref" not in field and "anyOf" not in field
    }
    assert {
        item
        for item in plain
        if not item.startswith(("SplitFractions", "PretrainEpochs", "PretrainShares", "Shares"))
    } == set()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"echo": {"pretrain": {"epoch": 3}}}, ["echo.pretrain.epoch", "no such setting"]),
        (
            {"echo": {"evaluation": {"bootstrap_samples": "many"}}},
            ["echo.evaluation.bootstrap_samples", "many"],
        ),
        ({"echo": {"cohort": {"split": {"train": 0.9}}}}, ["echo.cohort.split", "must be 1"]),
        ({"echo": {"views": {"keep": "plaxx"}}}, ["echo.views", "plaxx"]),
        ({"echo": {"clips": {"min_frames": 8}}}, ["clips.min_frames", "16"]),
        ({"echo": {"encoder": {"width": 8}}}, ["echo.encoder", "kinetics400: none"]),
        ({"echo": {"finetune": {"ratios": [0.5, 1.5]}}}, ["echo.finetune.ratios.1", "1.5"]),
        ({"echo": {"finetune": {"inits": ["randm"]}}}, ["echo.finetune.inits.0", "randm"]),
        ({"echo": {"cohort": {"external_years": [2020, 2021]}}}, ["echo.cohort", "overlap"]),
        ({"run": "../elsewhere"}, ["run", "../elsewhere"]),
        ({"private": "results/../results/x"}, ["private", "outside results/"]),
        ({"dicom": "/data"}, ["dicom", "no such setting"]),
        ({"models": "main"}, ["models", "this run itself"]),
        ({"run": "north", "models": "../main"}, ["models", "../main"]),
        ({"cmr": {"cohort": {"roles": {"north": "external"}}}}, ["cmr", "no cohort is `development`"]),
    ],
)
def test_mistakes_name_the_key_and_the_value(values, words):
    with pytest.raises(InputError) as caught:
        load_config(values)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_run_that_trains_nothing_needs_no_cohort_to_train_on():
    roles = {"north": "external"}
    config = load_config({"run": "north", "models": "main", "cmr": {"cohort": {"roles": roles}}})
    assert config.cmr.cohort.roles == roles


def test_every_mistake_is_reported_at_once():
    with pytest.raises(InputError) as caught:
        load_config({"sed": 1, "seed": -1})
    assert len(str(caught.value).splitlines()) == 2


def test_learning_rates_follow_the_papers_rule():
    finetune = Config().echo.finetune
    assert finetune.candidates("random", 0.10) == [1e-4, 5e-5, 1e-5]
    assert finetune.candidates("kinetics400", 0.25) == [1e-4]
    assert finetune.candidates("echoclr", 0.01) == [0.1, 0.05, 0.001]
    assert finetune.candidates("simclr", 1.0) == [0.1]


def test_a_slice_is_validated_by_the_same_model():
    clips = Config().echo.clips
    assert parse_settings(type(clips), json.loads(clips.model_dump_json())) == clips
