"""A private side of an MRI run, and a sentence splitter that stanza trained in seconds."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cineclr.private import init
from cineclr.text import splitter


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """Return a side whose sheet and reports are empty files beside it."""
    (tmp_path / "dicom").mkdir()
    for name in ("sheet.csv", "reports.csv"):
        (tmp_path / name).write_text("")
    place = tmp_path / "private" / "main"
    init(
        place,
        cmr_dicom=[tmp_path / "dicom"],
        cmr_sheet=tmp_path / "sheet.csv",
        cmr_reports=tmp_path / "reports.csv",
    )
    return place


@pytest.fixture
def name_in_sources(private: Path) -> Callable[..., None]:
    """Return what adds keys to the MRI part of sources.yaml."""

    def name(**values: object) -> None:
        sources = yaml.safe_load((private / "sources.yaml").read_text())
        sources["cmr"] |= values
        (private / "sources.yaml").write_text(yaml.safe_dump(sources))

    return name


@pytest.fixture(scope="session")
def small_splitter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a splitter trained on 60 reports."""
    place = tmp_path_factory.mktemp("splitter")
    (place / "demo" / "truth").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"TRAIN_REPORTS": 60, "DEV_REPORTS": 10, "STEPS": 200}.items():
            patch.setattr(splitter, name, value)
        splitter.train_splitter(place / "demo", 0, place / "model")
    return place / "model"
