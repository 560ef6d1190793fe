"""`sources.yaml`: where a run's data lie, and how its sheets and reports are to be read."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from cineclr.config.base import Section
from cineclr.errors import InputError


def _with_text_keys(values: Any) -> Any:
    """Let numbers stand without quotes; YAML has already turned a bare yes or no into a truth value."""
    if not isinstance(values, dict) or not all(isinstance(column, dict) for column in values.values()):
        return values
    if any(isinstance(key, bool) for column in values.values() for key in column):
        raise ValueError("put yes, no, true, false, on and off in quotes")
    return {name: {str(key): ours for key, ours in column.items()} for name, column in values.items()}


class StudyColumns(Section):
    """Names of the columns that the sheets of both papers have."""

    study_id: str = "study_id"
    patient_id: str = "patient_id"
    study_date: str = "study_date"
    sex: str = "sex"
    age: str = "age"


class SheetColumns(StudyColumns):
    """Names of the sheet's columns, where they differ from ours."""

    as_severity: str = "as_severity"
    low_flow_low_gradient: str = "low_flow_low_gradient"
    lv_mass_index: str = "lv_mass_index"


class Weights(Section):
    """Weight files of the user's own, each with the SHA-256 that the file must have."""

    view_classifier: Path | None = None
    view_classifier_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    kinetics400: Path | None = None
    kinetics400_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")


class CmrColumns(StudyColumns):
    """Names of the MRI sheet's columns, where they differ from ours."""

    cohort: str = "cohort"
    lvef: str = "lvef"


class ReportColumns(Section):
    """Names of the report file's columns, where they differ from ours."""

    study_id: str = "study_id"
    report: str = "report"


class CmrWeights(Section):
    """Models of the user's own: files with the SHA-256 that they must have, and folders."""

    kinetics400: Path | None = None
    kinetics400_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    published: Path | None = None
    published_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    text_encoder: Path | None = Field(None, description="folder of a BERT as transformers saves it")
    splitter: Path | None = Field(None, description="folder of stanza's resources with an English tokenizer")
    language_model: Path | None = Field(None, description="folder of a causal model that labels reports")


class CmrSources(Section):
    """The MRI part of `sources.yaml`."""

    dicom: list[Path] = Field([], description="folders that hold the DICOM files, at any depth")
    hdf5: Path | None = Field(None, description="instead of dicom: folder of HDF5 files of our schema")
    sheet: Path = Field(description="CSV or Excel file with one row per study")
    reports: Path = Field(description="CSV or Excel file with a report per study")
    splits: Path | None = Field(None, description="CSV `study_id,split`, taken instead of drawing")
    link: Literal["study_uid", "accession", "pseudonym"] = Field(
        "study_uid", description="what study_id holds; a pseudonym is that of the HDF5 file"
    )
    issuer: str = Field(
        "local", description="who issued patient and accession numbers, where headers do not say"
    )
    columns: CmrColumns = CmrColumns()
    report_columns: ReportColumns = ReportColumns()
    further: list[str] = Field(
        [], description="further columns for the cohort's table; none of them may identify a patient"
    )
    values: dict[str, dict[str, str | int]] = Field(
        {}, description="our column -> {value in the sheet: our value}"
    )
    labels: Path | None = Field(
        None,
        description="CSV `study_id` and a column per diagnosis: 1, 0 or empty (text.labels.source: sheet)",
    )
    series_views: Path | None = Field(
        None, description="CSV `series_description,view`: names that the rules do not map, or map wrongly"
    )
    weights: CmrWeights = CmrWeights()

    @property
    def roots(self) -> list[Path]:
        """Return the folders of the MRI files."""
        return [self.hdf5] if self.hdf5 else self.dicom

    @model_validator(mode="after")
    def _files_are_of_one_kind(self) -> Self:
        if bool(self.dicom) == bool(self.hdf5):
            raise ValueError("name the MRI files: dicom, or hdf5 instead of it")
        return self

    _keys_are_text = field_validator("values", mode="before")(_with_text_keys)


class Sources(Section):
    """`sources.yaml`: where the data lie and how the sheet is to be read."""

    dicom: list[Path] = Field([], description="folders that hold the echo DICOM files, at any depth")
    videos: Path | None = Field(
        None, description="instead of dicom: folder of de-identified videos, <study_id>/<any name>.avi"
    )
    sheet: Path | None = Field(None, description="CSV or Excel file with one row per echo study")
    splits: Path | None = Field(None, description="CSV `study_id,split`, taken instead of drawing")
    link: Literal["study_uid", "accession"] = Field("study_uid", description="what study_id holds")
    issuer: str = Field(
        "local", description="who issued patient and accession numbers, where headers do not say"
    )
    columns: SheetColumns = SheetColumns()
    further: list[str] = Field(
        [], description="further columns for Table S1; none of them may identify a patient"
    )
    values: dict[str, dict[str, str | int]] = Field(
        {}, description="our column -> {value in the sheet: our value}"
    )
    view_labels: Path | None = Field(
        None, description="CSV `video_id,view` (SOPInstanceUID) to train a view classifier"
    )
    weights: Weights = Weights()
    withdrawn: Path | None = Field(
        None, description="CSV with a column `patient_id`: nothing of these patients is used, in both papers"
    )

    cmr: CmrSources | None = Field(None, description="cardiac MRI, the second paper")

    _keys_are_text = field_validator("values", mode="before")(_with_text_keys)

    @model_validator(mode="after")
    def _something_is_there(self) -> Self:
        if self.dicom and self.videos:
            raise ValueError("names dicom and videos; the echo files are one or the other")
        if bool(self.roots) != bool(self.sheet):
            raise ValueError("dicom and sheet belong together (or videos and sheet): name both, or neither")
        if not self.roots and self.cmr is None:
            raise ValueError("names no data: dicom and sheet for echo, or a section cmr for cardiac MRI")
        return self

    @property
    def roots(self) -> list[Path]:
        """Return the folders of the echo files."""
        return [self.videos] if self.videos else self.dicom

    @property
    def echo_sheet(self) -> Path:
        """Return the echo sheet; raise InputError if the sources name no echo data."""
        if self.sheet is None:
            raise InputError("sources.yaml: dicom and sheet are missing; name them to run the echo stages")
        return self.sheet
