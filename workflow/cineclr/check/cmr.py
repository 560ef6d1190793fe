"""Checks of the second paper's data and models."""

from pathlib import Path

from cineclr.check.samples import SAMPLE_FILES, check_dicom, check_weight_files, count_studies
from cineclr.config import Config
from cineclr.errors import InputError
from cineclr.private import PrivateSide


def check_sheet(private: PrivateSide) -> str:
    """Read the whole sheet, and the splits that go with it; raise InputError that names its rows."""
    from cineclr.cohort.cmr.sheet import read_cmr_sheet

    return count_studies(read_cmr_sheet(private.cmr_sources()))


def check_roles(private: PrivateSide, settings: Config) -> str:
    """Raise InputError where the cohorts of the sheet and `cmr.cohort.roles` do not fit."""
    from cineclr.cohort.cmr.sheet import read_cmr_sheet
    from cineclr.cohort.cmr.splits import check_cohorts

    sheet = read_cmr_sheet(private.cmr_sources()).rename(columns={"patient_id": "patient"})
    roles = settings.cmr.cohort.roles
    check_cohorts(sheet, roles, tests_only=settings.models is not None)
    named = sheet["cohort"].value_counts(sort=False)
    return ", ".join(f"{cohort} ({roles[str(cohort)]}): {count} studies" for cohort, count in named.items())


def check_files(private: PrivateSide) -> str:
    """Look at the first files; raise InputError if none is of use."""
    sources = private.cmr_sources()
    return _check_hdf5(sources.hdf5) if sources.hdf5 else check_dicom(sources.dicom, "cmr.dicom")


def _check_hdf5(folder: Path) -> str:
    import itertools

    from cineclr.intake.cmr.own import study_of
    from cineclr.intake.files.archives import is_archive

    sample = list(itertools.islice(folder.rglob("*.h5"), SAMPLE_FILES))
    files = itertools.islice((path for path in folder.rglob("*") if path.is_file()), SAMPLE_FILES)
    if not sample and not any(map(is_archive, files)):
        raise InputError("no *.h5, nor an archive, below cmr.hdf5 in sources.yaml")
    for path in sample:
        study_of(path)
    return f"{len(sample)} HDF5 files are of our schema"


def check_series(private: PrivateSide) -> str:
    """Read the user's views of series names, if there are any; raise InputError that names rows."""
    from cineclr.views.series import read_series_views

    return f"{len(read_series_views(private.cmr_sources()))} names with a view of your own"


def check_labels(private: PrivateSide, settings: Config) -> str:
    """Raise InputError where a row of labels is wrong, or reports must not go to the language model."""
    from cineclr.text.labels.asking import check_host
    from cineclr.text.labels.label import read_label_sheet

    text = settings.cmr.text
    if text.labels.source == "sheet":
        return f"{len(read_label_sheet(private.root, settings.cmr.diagnoses.tasks))} studies"
    if text.labels.source == "llm" and text.llm.backend == "server":
        check_host(text.llm)
        return f"by the language model at {text.llm.url}"
    return f"by {text.labels.source}"


def check_reports(private: PrivateSide) -> str:
    """Read all reports; raise InputError that names rows."""
    from cineclr.text.reports import read_reports

    return f"{len(read_reports(private.cmr_sources()))} reports"


def check_models(private: PrivateSide, settings: Config) -> str:
    """Raise InputError unless the weights and folders of models that this run needs are there."""
    cmr, weights = settings.cmr, private.cmr_sources().weights
    trains = settings.models is None
    named = ["kinetics400"] if trains and cmr.video_encoder.kinetics400 == "file" else []
    if trains and "published" in {*cmr.lvef.inits, *cmr.diagnoses.inits}:
        named.append("published")
    check_weight_files(weights, named, "cmr.weights")
    folders = {
        "text_encoder": trains and cmr.text_encoder.source == "folder",
        "splitter": trains and cmr.text.splitter == "folder",
        "language_model": (cmr.text.labels.source, cmr.text.llm.backend) == ("llm", "transformers"),
    }
    needed = [name for name, is_needed in folders.items() if is_needed]
    for name in needed:
        path = getattr(weights, name)
        if path is None or not path.is_dir():
            raise InputError(f"sources.yaml: cmr.weights.{name} must name a folder")
    return ", ".join([*named, *needed]) or "none needed"
