import pandas as pd
import pytest

from cineclr.cli import main
from cineclr.errors import InputError
from cineclr.reporting.annotators import compare_annotators


@pytest.fixture
def sheets(tmp_path):
    (tmp_path / "a.csv").write_text("study,lvh,effusion\n001,1,0\n002,0,0\n003,1,\n004,0,1\n")
    (tmp_path / "b.csv").write_text("study,effusion,lvh\n004,1,0\n003,1,1\n001,0,1\n002,0,1\n")
    return tmp_path / "a.csv", tmp_path / "b.csv"


def test_studies_are_joined_by_name_and_labels_by_theirs(sheets, tmp_path, capsys):
    first, second = map(str, sheets)
    output = tmp_path / "out.csv"
    assert main(["compare-annotators", "--first", first, "--second", second, "--output", str(output)]) == 0
    table = pd.read_csv(output).set_index("label")
    assert table.loc["lvh", ["n", "agreement", "kappa"]].tolist() == [4, 0.75, 0.5]
    assert table.loc["effusion", ["n", "agreement", "only_second"]].tolist() == [3, 1, 1]
    assert "kappa" in capsys.readouterr().out


def test_another_file_is_refused_by_its_option(sheets, tmp_path):
    (tmp_path / "c.csv").write_bytes(b"\0\xff\xfe" * 40)
    with pytest.raises(InputError, match="--second"):
        compare_annotators(sheets[0], tmp_path / "c.csv", tmp_path / "out.csv")
    with pytest.raises(InputError, match="--first"):
        compare_annotators(tmp_path / "none.csv", sheets[1], tmp_path / "out.csv")
