from typing import get_args

import pandas as pd
import pytest
import yaml

from cineclr.config import Config
from cineclr.operation import speed
from cineclr.operation.rates import read_rates
from cineclr.operation.speed import measure_speed
from cineclr.operation.work import Kind

SMALL = {
    "echo": {
        "clips": {"size": 32},
        "encoder": {"width": 8, "kinetics400": "none"},
        "pretrain": {"cpu_threads": 1, "accumulate": 2},
        "finetune": {"cpu_threads": 1},
        "predict": {"cpu_threads": 1},
    },
    "cmr": {
        "video_encoder": {
            "architecture": "mvit_small",
            "frames": 8,
            "size": 64,
            "embedding": 32,
            "kinetics400": "none",
        },
        "text_encoder": {"source": "minilm", "frozen_layers": 4},
        "pretrain": {"cpu_threads": 1},
        "lvef": {"cpu_threads": 1},
        "predict": {"cpu_threads": 1},
    },
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speed")
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    measure_speed(folder / "rates.csv", [folder / "small.yaml"])
    return folder / "rates.csv"


def test_every_kind_of_step_is_measured_and_read_again(measured):
    assert set(speed.KINDS) == set(get_args(Kind))
    rates = read_rates(measured).fitting(Config.model_validate(SMALL))
    assert set(rates.clips_per_second) == set(speed.KINDS)
    assert rates.device.startswith("CPU") != rates.is_gpu


def test_speeds_are_those_of_clips(measured):
    table = pd.read_csv(measured).set_index("kind")["clips_per_second"]
    assert (table > 0).all()
    # A forward pass is faster than a step of training, kept features than clips.
    assert table["echo_predict"] > table["echo_finetune"]
    assert table["cmr_encode"] > table["cmr_finetune"]
    assert table["cmr_head"] > 5 * table["cmr_encode"]
