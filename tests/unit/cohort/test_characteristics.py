import pandas as pd

from cineclr.cohort.characteristics import describe_cohort


def make_splits() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "study": [f"S{n}" for n in range(6)],
            "patient": ["P0", "P0", "P1", "P2", "P3", "P4"],
            "split": ["train", "train", "train", "val", "internal", "external"],
            "year": [2016, 2018, 2020, 2017, 2019, 2021],
            "sex": ["F", "F", "M", "M", "F", "M"],
            "age": [60.0, 70.0, 80.0, 50.0, 90.0, 65.0],
            "as_severity": ["none", "severe", "severe", "mild", "none", "moderate"],
            "lv_mass_index": [90.0, None, 120.0, 100.0, 130.0, 80.0],
            "severe_as": [0, 1, 1, 0, 0, 0],
            "lvh": pd.array([0, None, 1, 0, 1, 0], dtype="Int64"),
            "videos": [2, 1, 4, 1, 1, 3],
            "bmi": [20.0, 25.0, 30.0, 22.0, 23.0, 24.0],
            "smoker": [0.0, 1.0, 1.0, 0.0, 0.0, None],
            "site": ["A", "B", "A", "A", "B", "B"],
        }
    )


def cell(table: pd.DataFrame, name: str, level: str, split: str) -> str:
    (value,) = table.loc[(table["characteristic"] == name) & (table["level"] == level), split]
    return value


def test_numbers_of_a_split() -> None:
    table = describe_cohort(make_splits())
    assert list(table.columns) == ["characteristic", "level", "train", "val", "internal", "external"]
    expected = {
        ("studies", "n"): "3",
        ("patients", "n"): "2",
        ("videos", "n"): "7",
        ("year", "range"): "2016-2020",
        ("age (years)", "mean (SD)"): "70.0 (10.0)",
        ("sex", "F"): "2 (66.7%)",
        ("aortic stenosis", "mild"): "0 (0.0%)",
        ("severe aortic stenosis", "n (%)"): "2 (66.7%)",
        ("left ventricular hypertrophy", "n (%)"): "1 (50.0%)",
        ("left ventricular hypertrophy", "missing"): "1 (33.3%)",
        ("LV mass index (g/m2)", "mean (SD)"): "105.0 (21.2)",
        ("bmi", "mean (SD)"): "25.0 (5.0)",
        ("smoker", "1"): "2 (66.7%)",
        ("site", "A"): "2 (66.7%)",
    }
    found = {key: cell(table, *key, "train") for key in expected}
    assert found == expected


def test_missing_is_a_row_only_where_something_is_missing() -> None:
    table = describe_cohort(make_splits())
    missing = table.loc[table["level"] == "missing", "characteristic"].tolist()
    assert missing == ["left ventricular hypertrophy", "LV mass index (g/m2)", "smoker"]
    assert cell(table, "smoker", "missing", "external") == "1 (100.0%)"


def test_levels_of_one_characteristic_add_up() -> None:
    table = describe_cohort(make_splits())
    for name in ("sex", "aortic stenosis", "site"):
        rows = table[table["characteristic"] == name]
        assert sum(int(text.split()[0]) for text in rows["train"]) == 3


def test_a_table_read_back_from_csv_gives_the_same(tmp_path) -> None:
    splits = make_splits()
    splits.to_csv(tmp_path / "splits.csv", index=False)
    pd.testing.assert_frame_equal(
        describe_cohort(pd.read_csv(tmp_path / "splits.csv")), describe_cohort(splits)
    )
