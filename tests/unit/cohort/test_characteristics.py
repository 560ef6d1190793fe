import numpy as np
import pandas as pd
import pytest

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
    table = describe_cohort(make_splits(), min_cell=1)
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


def test_a_split_without_studies_has_no_column() -> None:
    splits = make_splits()
    table = describe_cohort(splits[splits["split"] == "external"], min_cell=1)
    assert list(table.columns) == ["characteristic", "level", "external"]


def test_missing_is_a_row_only_where_something_is_missing() -> None:
    table = describe_cohort(make_splits(), min_cell=1)
    missing = table.loc[table["level"] == "missing", "characteristic"].tolist()
    assert missing == ["left ventricular hypertrophy", "LV mass index (g/m2)", "smoker"]
    assert cell(table, "smoker", "missing", "external") == "1 (100.0%)"


def test_levels_of_one_characteristic_add_up() -> None:
    table = describe_cohort(make_splits(), min_cell=1)
    for name in ("sex", "aortic stenosis", "site"):
        rows = table[table["characteristic"] == name]
        assert sum(int(text.split()[0]) for text in rows["train"]) == 3


def test_a_table_read_back_from_csv_gives_the_same(tmp_path) -> None:
    splits = make_splits()
    splits.to_csv(tmp_path / "splits.csv", index=False)
    pd.testing.assert_frame_equal(
        describe_cohort(pd.read_csv(tmp_path / "splits.csv"), 1), describe_cohort(splits, 1)
    )


def draw_splits(seed: int, studies: int = 160) -> pd.DataFrame:
    """A cohort with small cells of every kind."""
    rng = np.random.default_rng(seed)
    severity = rng.choice(["none", "mild", "moderate", "severe"], studies, p=rng.dirichlet([1, 1, 1, 1]))
    mass = np.where(rng.random(studies) < rng.choice([0, 0.05, 0.3]), np.nan, rng.normal(100, 20, studies))
    lvh = pd.array(np.where(np.isnan(mass), np.nan, mass > rng.choice([80, 100, 130])), dtype="Float64")
    return pd.DataFrame(
        {
            "study": [f"S{n}" for n in range(studies)],
            "patient": [f"P{n // 2}" for n in range(studies)],
            "split": rng.choice(["train", "val", "internal", "external"], studies, p=[0.5, 0.08, 0.22, 0.2]),
            "year": 2018,
            "sex": rng.choice(["F", "M"], studies, p=[0.1, 0.9]),
            "age": 60.0,
            "as_severity": severity,
            "lv_mass_index": mass,
            "severe_as": (severity == "severe").astype(int),
            "lvh": lvh,
            "videos": 2,
            "scanner": rng.choice(["a", "b", "c", "d"], studies, p=[0.6, 0.3, 0.06, 0.04]),
        }
    )


# Of one split: what adds up to the number of studies. LVH is missing where the LV mass index is.
GROUPS = [
    [("sex", "F"), ("sex", "M")],
    [("aortic stenosis", level) for level in ("none", "mild", "moderate", "severe")],
    [("aortic stenosis", "severe"), ("severe aortic stenosis", "rest")],
    [
        ("left ventricular hypertrophy", "n (%)"),
        ("left ventricular hypertrophy", "rest"),
        ("mass", "missing"),
    ],
    [("LV mass index (g/m2)", "known"), ("mass", "missing")],
    [("scanner", level) for level in "abcd"],
]
SAME = {
    ("severe aortic stenosis", "n (%)"): ("aortic stenosis", "severe"),
    ("left ventricular hypertrophy", "missing"): ("mass", "missing"),
    ("LV mass index (g/m2)", "missing"): ("mass", "missing"),
}


def solve(table: pd.DataFrame, split: str) -> dict[tuple[str, str], float]:
    """What a reader can work out of one column: every count that the shown ones and the totals fix."""
    cells = sorted({cell for group in GROUPS for cell in group})
    rows, values = [], []
    studies = cell(table, "studies", "n", split)
    equations = [(group, float(studies)) for group in GROUPS] if studies.isdigit() else []
    for name, level, text in table[["characteristic", "level", split]].itertuples(index=False):
        key = SAME.get((name, level), (name, level))
        if key in cells and text[:1].isdigit():
            equations.append(([key], float(text.split()[0])))
            if name.startswith("left") and level != "missing" and "%" in text and int(text.split()[0]):
                known = int(text.split()[0]) / float(text.split("(")[1].rstrip("%)")) * 100
                rest = ("left ventricular hypertrophy", "rest")
                equations.append(([key, rest], round(known)))
    for group, value in equations:
        rows.append([float(one in group) for one in cells])
        values.append(value)
    matrix = np.array(rows or [[0.0] * len(cells)])
    _, sizes, right = np.linalg.svd(matrix)
    free = right[(sizes > 1e-9).sum() :]
    answer = np.linalg.lstsq(matrix, np.array(values or [0.0]), rcond=None)[0]
    return {key: answer[i] for i, key in enumerate(cells) if np.allclose(free[:, i], 0)}


@pytest.mark.parametrize("seed", range(40))
def test_no_small_count_can_be_worked_out(seed: int) -> None:
    splits = draw_splits(seed)
    table = describe_cohort(splits, min_cell=11)
    for split in ("train", "val", "internal", "external"):
        for key, count in solve(table, split).items():
            assert round(count) == 0 or round(count) >= 11, (split, key, count, table[split].tolist())


def test_the_reader_of_an_unprotected_table_works_out_everything() -> None:
    splits = draw_splits(1)
    found = solve(describe_cohort(splits, min_cell=1), "train")
    assert len(found) == len({cell for group in GROUPS for cell in group})
    train = splits[splits["split"] == "train"]
    assert round(found["mass", "missing"]) == train["lv_mass_index"].isna().sum()


def test_what_is_withheld_of_a_small_split() -> None:
    table = describe_cohort(make_splits(), min_cell=11)
    assert cell(table, "studies", "n", "train") == "<11"
    assert cell(table, "videos", "n", "train") == "7"
    assert cell(table, "sex", "F", "train") == "withheld"
    assert cell(table, "age (years)", "mean (SD)", "train") == "withheld"
    assert cell(table, "aortic stenosis", "mild", "train") == "0 (0.0%)"


def test_a_percentage_does_not_tell_how_many_are_missing() -> None:
    splits = pd.concat(
        [draw_splits(0).assign(split="train", lv_mass_index=90.0, lvh=0)] * 2, ignore_index=True
    )
    splits.loc[:99, "lvh"] = 1
    splits.loc[200:204, ["lv_mass_index", "lvh"]] = None
    table = describe_cohort(splits, min_cell=11)
    assert cell(table, "left ventricular hypertrophy", "n (%)", "train") == "100"
    assert cell(table, "left ventricular hypertrophy", "missing", "train") == "withheld"
    assert cell(table, "LV mass index (g/m2)", "missing", "train") == "withheld"
