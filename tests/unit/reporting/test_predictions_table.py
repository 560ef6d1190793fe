import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cineclr.errors import InputError
from cineclr.reporting.predictions_table import check_output, read_predictions_table, select_pair

LINES = """target,model,study,labels,probs
LVH,ours,007,1,0.1234567890123456
LVH,ours,NA,0,0.2
LVH,theirs,NA,0,0.4
LVH,theirs,007,1,0.3
"""


@pytest.fixture
def write(tmp_path):
    def to_file(text=LINES, name="predictions.csv"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return to_file


def read(path, **options):
    return read_predictions_table(path, "probs", "target", **options)


def pair(text, write, duplicates="error", group="LVH", reference="ours", baseline="theirs"):
    return select_pair(read(write(text)), group, reference, baseline, duplicates)


@pytest.mark.parametrize("name", ["predictions.csv", "predictions.csv.gz"])
def test_reads_a_table_as_it_is(write, name):
    frame = read(write(LINES, name))
    assert frame.columns.tolist() == ["group", "model", "study", "labels", "value", "row"]
    assert frame["study"].tolist() == ["007", "NA", "NA", "007"]
    assert frame["row"].tolist() == [0, 1, 0, 1]
    assert frame["value"][0] == pytest.approx(0.1234567890123456, abs=1e-16)


def test_a_byte_order_mark_does_not_hide_the_first_column(write):
    pd.testing.assert_frame_equal(read(write("\ufeff" + LINES)), read(write(LINES)))


def test_parquet_holds_the_same(write, tmp_path):
    frame = read(write())
    path = tmp_path / "p.parquet"
    frame.rename(columns={"group": "target", "value": "probs"}).to_parquet(path)
    pd.testing.assert_frame_equal(read(path), frame)


def test_numbers_as_study_ids_in_parquet_become_text(tmp_path):
    path = tmp_path / "p.parquet"
    pd.DataFrame(
        {"target": ["LVH"], "model": ["ours"], "study": [4259], "labels": [True], "probs": [0.5]}
    ).to_parquet(path)
    assert read(path)[["study", "labels"]].values.tolist() == [["4259", 1.0]]


def test_a_table_without_groups_is_one_group(write):
    text = "\n".join(line.split(",", 1)[1] for line in LINES.splitlines())
    assert set(read(write(text), default_group="all")["group"]) == {"all"}
    with pytest.raises(InputError, match="no column target"):
        read(write(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a readable table"),
        (LINES.splitlines()[0], "0 rows"),
        (LINES.replace("probs", "p"), "no column probs; columns are"),
        (LINES.replace("0.2", ""), "column 'probs' holds no finite number in 1 of 4 rows, first in row 2"),
        (LINES.replace("0.2", "n/a"), "column 'probs' .* in 1 of 4 rows, first in row 2"),
        (LINES.replace("0.2", "nan"), "column 'probs' .* in 1 of 4"),
        (LINES.replace("0.2", "inf"), "column 'probs' .* in 1 of 4"),
        (LINES.replace("007,1", "007,"), "column 'labels' .* in 2 of 4 rows, first in row 1"),
        (LINES.replace("007", ""), "column 'study' is empty in 2 of 4 rows, first in row 1"),
        (LINES.replace("LVH,theirs,NA", ",theirs,NA"), "column 'target' is empty in 1 .* first in row 3"),
        (LINES.replace("LVH", "x,LVH"), "more cells than the header"),
        (LINES.replace(",", ";"), "separated by ';'; write it with commas"),
        (LINES.replace(",", ";").replace(".", ","), "separated by ';'; write it with commas"),
        (LINES.replace(",", "\t"), r"separated by '\\t'; write it with commas"),
        (LINES + "LVH,theirs\n", "column 'study' is empty in 1 of 5 rows, first in row 5"),
        (LINES + "LVH,theirs,8,0,0.1,6,7\n", "not a readable table"),
    ],
)  # fmt: skip
def test_a_faulty_table_is_refused_by_name(write, text, message):
    with pytest.raises(InputError, match=message) as raised:
        read(write(text))
    assert "predictions.csv" in str(raised.value)
    assert "n/a" not in str(raised.value)


@pytest.mark.parametrize("name", ["predictions.xlsx", "predictions.parquet", "predictions.csv.gz"])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\xff\x00nothing")
    with pytest.raises(InputError, match=name):
        read(path)


def test_a_file_that_is_absent_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "none.csv")


def with_rows(numbers, text=LINES):
    lines = text.splitlines()
    rows = [f"{line},{number}" for line, number in zip(lines[1:], numbers, strict=True)]
    return "\n".join([lines[0] + ",row", *rows])


@pytest.mark.parametrize(
    ("numbers", "message"), [((3, 3, 0, 1), "repeats"), ((0, 1.5, 0, 1), "not a whole number")]
)
def test_row_must_number_the_rows(write, numbers, message):
    with pytest.raises(InputError, match=f"column 'row' .*{message}.* in 1 of 4 rows, first in row 2"):
        read(write(with_rows(numbers)))


def test_models_are_joined_by_study(write):
    joined = pair(LINES, write)
    assert joined.studies == ["007", "NA"]
    np.testing.assert_array_equal(joined.labels, [1, 0])
    np.testing.assert_array_equal(joined.values, [[0.1234567890123456, 0.2], [0.3, 0.4]])


REPEATED = LINES + "LVH,ours,007,1,0.5234567890123456\n"


def test_duplicates_are_an_error_unless_asked_for(write):
    with pytest.raises(InputError, match=r"LVH, ours: 1 studies .* the first is 007"):
        pair(REPEATED, write)


@pytest.mark.parametrize(
    ("numbers", "duplicates", "value"),
    [((0, 1, 0, 1, 2), "first", 0.1234567890123456), ((2, 1, 0, 1, 0), "first", 0.5234567890123456),
     ((0, 1, 0, 1, 2), "mean", 0.3234567890123456)],
)  # fmt: skip
def test_duplicates_are_handled_as_asked(write, numbers, duplicates, value):
    joined = pair(with_rows(numbers, REPEATED), write, duplicates)
    assert joined.values[0, 0] == pytest.approx(value, abs=1e-15)
    assert joined.values.shape == (2, 2)


@pytest.mark.parametrize("duplicates", ["first", "mean"])
def test_copies_of_a_study_must_share_their_label(write, duplicates):
    with pytest.raises(InputError, match=r"LVH, ours: 1 studies are repeated with different labels.*007"):
        pair(LINES + "LVH,ours,007,0,0.5\n", write, duplicates)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LINES + "LVH,ours,8,1,0.5\nLVH,ours,9,1,0.5\n", "2 belong to one only, the first is 8"),
        (LINES.replace("theirs,007,1", "theirs,007,0"), "the label of 1 studies, the first is 007"),
    ],
)
def test_models_must_have_seen_the_same_studies(write, text, message):
    with pytest.raises(InputError, match=f"LVH, ours and theirs .*{message}"):
        pair(text, write)


def test_an_unknown_model_or_one_model_twice_is_refused(write):
    with pytest.raises(InputError, match="LVH: no model mine; known are ours, theirs"):
        pair(LINES, write, reference="mine")
    with pytest.raises(InputError, match="both ours"):
        pair(LINES, write, baseline="ours")


@pytest.mark.parametrize(
    ("out", "predictions", "message"),
    [
        ("table.parquet", "p.csv", "must end in .csv"),
        ("p.csv", "./p.csv", "would overwrite the predictions"),
        ("p.csv", "p.parquet", "would overwrite the predictions"),
    ],
)
def test_the_output_never_takes_the_place_of_the_input(out, predictions, message):
    with pytest.raises(InputError, match=message):
        check_output(Path(out), Path(predictions))
    check_output(Path("other") / "p.csv", Path(predictions))
