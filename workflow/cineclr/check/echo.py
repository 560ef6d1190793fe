"""Checks of the first paper's data and models."""

from pathlib import Path

from cineclr.check.samples import SAMPLE_FILES, check_dicom, check_weight_files, count_studies
from cineclr.config import Config
from cineclr.errors import InputError
from cineclr.private import PrivateSide, Pseudonymizer


def check_sheet(private: PrivateSide) -> str:
    """Read the whole sheet, and the splits that go with it; raise InputError that names its rows."""
    from cineclr.cohort.sheet import read_echo_sheet

    return count_studies(read_echo_sheet(private.sources()))


def check_files(private: PrivateSide) -> str:
    """Look at the first files; raise InputError if none is of use."""
    sources = private.sources()
    return _check_videos(sources.videos) if sources.videos else check_dicom(sources.dicom, "dicom")


def _check_videos(folder: Path) -> str:
    import itertools

    from cineclr.intake.echo.videos import examine_video
    from cineclr.intake.files.archives import is_archive
    from cineclr.intake.files.listing import place_of
    from cineclr.ledger import PASSED

    sample = list(itertools.islice((path for path in folder.rglob("*") if path.is_file()), SAMPLE_FILES))
    videos = (examine_video(path, place_of(path, folder)).code == PASSED for path in sample)
    found = sum(videos) + sum(map(is_archive, sample))
    if not found:
        raise InputError(
            f"none of the first {len(sample)} files is a video <study_id>/<name>.avi, or an archive; is "
            "`videos` in sources.yaml right?"
        )
    return f"{found} of the first {len(sample)} files are videos of a study, or archives"


def check_text_gate(settings: Config) -> str:
    """Let the text gate find a drawn word; raise InputError if it cannot."""
    from cineclr.intake.residual_text.gate import TextGate

    if not settings.echo.deidentify.text_gate:
        return "off: nothing looks for text inside the sector"
    TextGate(settings.echo.deidentify.text_score)
    return "a drawn word is found"


def check_weights(private: PrivateSide, settings: Config) -> str:
    """Raise InputError unless the weights that this run needs are there with their hashes."""
    if settings.models is not None:
        return f"none needed: those of run {settings.models!r} are tested"
    needed = []
    if settings.echo.views.classifier == "import":
        needed.append("view_classifier")
    if settings.echo.encoder.kinetics400 == "file" and "kinetics400" in settings.echo.finetune.inits:
        needed.append("kinetics400")
    check_weight_files(private.sources().weights, needed, "weights")
    return ", ".join(needed) or "none needed"


def check_view_labels(private: PrivateSide, settings: Config) -> str:
    """Read the labels that a view classifier is to be trained on, if one is."""
    if settings.models is not None or settings.echo.views.classifier != "train":
        return "none needed"
    from cineclr.views.labels import read_view_labels

    any_key = Pseudonymizer(b"")  # only the rows are judged
    labels = read_view_labels(private.sources(), any_key, settings.echo.views.classes)
    return f"{len(labels)} labelled videos"
