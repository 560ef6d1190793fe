"""What the readers of public data sets share: pseudonyms, and DICOM files converted as a hospital's are."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cineclr.config.cmr import SeriesViews, Studies
from cineclr.files import frame_of
from cineclr.intake.cmr.convert import MANIFEST_COLUMNS, Converter
from cineclr.intake.cmr.decode import Decoded, Job
from cineclr.intake.cmr.scan import CMR_COLUMNS, describe_image
from cineclr.intake.cmr.triage import examine_cmr
from cineclr.intake.files.members import Members
from cineclr.intake.worker import Worker
from cineclr.ledger import PASSED, Code
from cineclr.private import CmrSources, Pseudonymizer
from cineclr.views.series_names import view_of_name

TABLE_COLUMNS = {**CMR_COLUMNS, **MANIFEST_COLUMNS}


@dataclass(frozen=True)
class Import:
    """An import: the data set's folder and format, where studies go, and under which names."""

    folder: Path
    format: str
    place: Path
    private: Path
    names: Pseudonymizer
    settings: Studies

    def study(self, participant: str, visit: str = "") -> str:
        """Return the pseudonym of a participant's visit; data sets that use the same numbers differ."""
        return self.names.pseudonym("study", f"{participant}/{visit}" if visit else participant, self.format)

    def patient(self, participant: str) -> str:
        """Return a participant's pseudonym."""
        return self.names.pseudonym("patient", participant, self.format)

    def file(self, name: str) -> str:
        """Return the pseudonym of a file by its name within the data set."""
        return self.names.pseudonym("file", name, self.format)

    def account(self, name: str, study: str, code: str, view: str = "") -> pd.DataFrame:
        """Return the row of a file that is not, or not as a whole, an image of one slice."""
        row: dict[str, object] = {"file": self.file(name), "study": study, "code": code, "view": view}
        return frame_of([row], MANIFEST_COLUMNS)


@dataclass(frozen=True)
class Imported:
    """One study: a row per clip of its HDF5 file, a row per file read, and, private, who it is.

    Attributes:
        study: pseudonym.
        clips: rows study, view, slice, frames; none where nothing of the study could be used.
        files: data frame with `MANIFEST_COLUMNS`.
        participant: participant, visit, study, patient and the data set's labels; empty where unknown.
    """

    study: str
    clips: list[dict[str, object]]
    files: pd.DataFrame
    participant: dict[str, object] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    """A DICOM file: its path below the root, its name in the data set, and the view that its folder tells.

    Where `view` is empty the series' name tells it.
    """

    path: str
    name: str
    view: str = ""


class ImageConverter:
    """Converts studies of DICOM files below one folder."""

    def __init__(self, task: Import, root: Path, worker: Worker[Job, Decoded]) -> None:
        self.task, self.root = task, root
        # A data set has no sources.yaml; of what stands here, folder and issuer alone are used.
        self.sources = CmrSources(dicom=[root], sheet=root, reports=root, issuer=task.format)
        fingerprint = task.names.fingerprint()
        # All files are plain here, so that nothing is unpacked.
        members = Members(self.sources, task.private / "extracted_import")
        self.converter = Converter(members, task.settings, worker, task.place, fingerprint)

    def convert(self, study: str, images: Iterable[Image]) -> tuple[list[dict[str, object]], pd.DataFrame]:
        """Write <study>.h5 and return its clips and what became of each image."""
        table = frame_of([self._examine(image, study) for image in images], TABLE_COLUMNS)
        for columns in (["video"], ["pixel_sha256", "positions", "times"]):
            passed = table["code"] == PASSED
            again = table.loc[passed, columns].duplicated()
            table.loc[again.index[again], "code"] = str(Code.DUPLICATE_PIXELS)
        clips = self.converter.convert(study, table, table)
        return clips, table[list(MANIFEST_COLUMNS)]

    def _examine(self, image: Image, study: str) -> dict[str, object]:
        finding = examine_cmr(self.root / image.path, by_accession=False)
        row = describe_image(finding, self.task.names, self.sources)
        row |= {"file": self.task.file(image.name), "root": 0, "path": image.path, "study": study}
        if row["code"] == PASSED:
            row["view"] = image.view or _view_of(finding.description)
            row["code"] = PASSED if row["view"] else str(Code.NO_VIEW)
        return row


def _view_of(description: str) -> str:
    view, confidence = view_of_name(description)
    return view if view and confidence >= SeriesViews().min_confidence else ""
