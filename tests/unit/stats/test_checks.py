import numpy as np
import pandas as pd
import pytest

from cineclr.errors import InputError
from cineclr.stats.checks import join_by_study


def frame(**columns):
    base = {"study": ["S1", "S2", "S3"], "label": [1, 0, 0], "probability": [0.9, 0.2, 0.1]}
    return pd.DataFrame(base | columns)


def test_models_are_joined_by_study_and_not_by_row():
    shuffled = frame(probability=[0.8, 0.3, 0.4]).iloc[[2, 0, 1]]
    joined = join_by_study({"one": frame(), "two": shuffled})
    assert joined.studies == ["S1", "S2", "S3"]
    assert joined.models == ["one", "two"]
    assert joined.labels.tolist() == [1, 0, 0]
    assert joined.probabilities.tolist() == [[0.9, 0.2, 0.1], [0.8, 0.3, 0.4]]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            frame(study=["S1", "S2", "S4"]),
            "not evaluated on the same studies: 2 belong to one only, such as S3",
        ),
        (frame().iloc[:2], "not evaluated on the same studies: 1 belong to one only"),
        (frame(label=[1, 1, 0]), "disagree on the label of 1 studies"),
        (frame(study=["S1", "S2", "S2"]), "1 rows repeat a study, the first is S2"),
        (frame(study=["S1", None, "S3"]), "1 rows name no study"),
        (frame(probability=[0.9, np.nan, 0.1]), "1 of 3 rows have no probability"),
        (frame(probability=[9, 0.5, 0.1]), "outside"),
        (frame(label=[0, 0, 0]), "all 3 studies are labelled 0"),
        (frame().iloc[:0], "0 rows"),
        (frame().drop(columns="label"), "no column label"),
    ],
)
def test_frames_that_do_not_fit_are_refused_by_name(other, message):
    with pytest.raises(InputError, match=rf"two.*{message}"):
        join_by_study({"one": frame(), "two": other}, "severe_as, internal")


def test_no_predictions_at_all_are_refused():
    with pytest.raises(InputError, match="no predictions"):
        join_by_study({})
