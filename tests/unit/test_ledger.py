import pandas as pd
import pytest

from cineclr.ledger import MEANING, PASSED, Code, count_codes, describe_stage


def test_every_code_has_a_meaning():
    assert set(MEANING) == set(Code)


def test_a_stage_balances():
    codes = pd.Series([PASSED, Code.NOT_DICOM, PASSED, Code.SINGLE_FRAME, Code.NOT_DICOM])
    assert describe_stage("scan", codes) == {
        "stage": "scan",
        "input": 5,
        "passed": 2,
        "set_aside": {"not_dicom": 2, "single_frame": 1},
    }


def test_a_code_outside_the_list_or_a_hole_is_an_error():
    with pytest.raises(ValueError, match="lost"):
        count_codes(pd.Series(["lost"]))
    with pytest.raises(ValueError, match="2 in"):
        describe_stage("scan", pd.Series([PASSED, None]))
