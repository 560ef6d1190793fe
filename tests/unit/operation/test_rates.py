import math
from typing import get_args

import pytest

from cineclr.config import Config
from cineclr.errors import InputError
from cineclr.operation.rates import SHIPPED, Rates, read_rates
from cineclr.operation.work import Kind

HEADER = "kind,device,clips_per_second,how\n"


def write(tmp_path, text):
    path = tmp_path / "rates.csv"
    path.write_text(text)
    return path


def test_the_shipped_speeds_are_of_the_papers_networks_and_of_no_gpu():
    rates = read_rates(SHIPPED)
    assert not rates.is_gpu
    assert set(rates.fitting(Config()).clips_per_second) == set(get_args(Kind))


def test_speeds_of_other_networks_do_not_count():
    small = Config.model_validate({"echo": {"encoder": {"width": 8, "kinetics400": "none"}}})
    kept = read_rates(SHIPPED).fitting(small)
    assert set(kept.clips_per_second) == {kind for kind in get_args(Kind) if kind.startswith("cmr")}


def test_hours_add_up_over_kinds_and_are_unknown_where_one_is():
    rates = Rates("GPU", {"echo_finetune": 10.0, "echo_predict": 100.0}, {})
    assert rates.hours({"echo_finetune": 36_000, "echo_predict": 360_000}) == pytest.approx(2)
    assert math.isnan(rates.hours({"echo_finetune": 1, "cmr_head": 1}))
    assert rates.hours({"echo_finetune": 36_000, "cmr_head": 0}) == pytest.approx(1)


def test_a_gpu_is_preferred_to_a_cpu(tmp_path):
    rows = 'echo_predict,"CPU, 2 threads",1,x\necho_predict,Some GPU,200,x\n'
    rates = read_rates(write(tmp_path, HEADER + rows))
    assert (rates.device, rates.is_gpu) == ("Some GPU", True)
    assert rates.clips_per_second == {"echo_predict": 200}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind,clips\na,1\n", "must have the columns"),
        (HEADER, "and a row"),
        (HEADER + "echo_predict,GPU,0,x\n", "row 2"),
        (HEADER + "echo_predict,GPU,2,x\necho_predic,GPU,3,x\n", "row 3"),
        (HEADER + "echo_predict,GPU,fast,x\n", "row 2"),
    ],
)
def test_a_file_that_holds_no_speeds_is_refused(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read_rates(write(tmp_path, text))


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(InputError, match="measure-speed"):
        read_rates(tmp_path / "none.csv")
