"""A small cohort's sheet, and what the stages before it made of its files."""

from pathlib import Path

import pandas as pd

from cineclr.cohort.build import build_cohort
from cineclr.config.echo import Cohort


def make_sheet(studies: int = 60) -> pd.DataFrame:
    """Every sixth study is of 2021; two studies per patient; one in three has severe AS."""
    n = range(studies)
    return pd.DataFrame(
        {
            "study": [f"S{i:016x}" for i in n],
            "patient": [f"P{i // 2:016x}" for i in n],
            "year": [2021 if i % 6 == 5 else 2016 + i % 5 for i in n],
            "sex": ["F" if i % 2 else "M" for i in n],
            "age": [50.0 + i % 40 for i in n],
            "as_severity": [["none", "moderate", "severe"][i % 3] for i in n],
            "low_flow_low_gradient": 0,
            "lv_mass_index": [60.0 + i for i in n],
            "site": ["A" if i % 4 else "B" for i in n],
        }
    )


def make_stages(sheet: pd.DataFrame, folder: Path) -> dict[str, object]:
    """Three files per study, the last set aside at the scan, views or clips; and a file that is no DICOM."""
    rows = [
        (f"F{s}{v}", study, f"V{s}{v}")
        for s, study in enumerate([*sheet["study"], "S_unknown"])
        for v in range(3)
    ]
    scan = pd.DataFrame([*rows, ("Fbad", None, None)], columns=["file", "study", "video"])
    last = scan["file"].str.endswith("2")
    group = scan.index % 4
    scan["code"] = "passed"
    scan.loc[scan["file"] == "Fbad", "code"] = "not_dicom"
    scan.loc[last & (group == 0), "code"] = "single_frame"
    paths = {"scan": folder / "scan.parquet"}
    scan.to_parquet(paths["scan"])
    stages = [("manifests", 1, "mask_failed"), ("views", 2, "other_view"), ("clips", 3, "too_short")]
    frame = scan[scan["code"] == "passed"]
    lists: dict[str, list[Path]] = {}
    for name, number, code in stages:
        frame = frame[frame["code"] == "passed"].copy()
        frame.loc[last & (group == number), "code"] = code
        if name == "manifests":
            frame = frame.assign(vendor="ge", model="vivid e95")
        lists[name] = [folder / f"{name}_0.parquet", folder / f"{name}_1.parquet"]
        frame.iloc[::2].to_parquet(lists[name][0])
        frame.iloc[1::2].to_parquet(lists[name][1])
    sheet.to_parquet(folder / "sheet.parquet")
    return {"sheet": folder / "sheet.parquet", **paths, **lists}


def run(folder: Path, sheet: pd.DataFrame, settings: Cohort | None = None, seed: int = 0) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    outputs = {
        "splits": folder / "splits.csv",
        "files": folder / "files.parquet",
        "flow": folder / "flow.json",
    }
    stages = make_stages(sheet.sort_values("study", ignore_index=True), folder)
    sheet.to_parquet(folder / "sheet.parquet")
    build_cohort(**stages, settings=settings or Cohort(), seed=seed, **outputs)
    return outputs
