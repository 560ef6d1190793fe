"""How many videos and studies a run works on: from its cohort, else from its sheet, else from the papers."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from cineclr.config import Config
from cineclr.config.cmr import Role
from cineclr.operation.cohort import CmrSize, EchoSize, cmr_of_cohort, echo_of_cohort, expect_cmr, expect_echo
from cineclr.operation.text import tell_number
from cineclr.private import PrivateSide

# EchoCLR, Methods ('Data curation'): studies extracted, and their videos of the wanted view.
ECHO_STUDIES, ECHO_VIDEOS = 10_865, 30_136
# The video-text paper, Methods: individuals and videos of the clinical cohorts and of UK Biobank; individuals
# of the University of Pennsylvania, whose videos are not told: as many each as the clinical ones.
CMR_PEOPLE: dict[Role, tuple[int, int]] = {
    "development": (17_088, 293_110),
    "train_and_test": (45_623, 257_046),
    "external": (2_033, 34_900),
}
PAPERS = "the paper's numbers"
# Rules by which a paper's part of the workflow is known.
ECHO_RULES = {"deidentify_echo", "preprocess_clips", "pretrain_echo", "finetune_echo", "predict_echo"}
CMR_RULES = {
    *("convert_studies", "pretrain_cmr", "extract_features", "finetune_lvef", "finetune_diagnosis"),
    "predict_cmr",
}


@dataclass(frozen=True)
class Given:
    """What the user says of a paper's data."""

    studies: int | None = None
    videos: int | None = None

    def both(self, per_study: float) -> tuple[float, float] | None:
        """Return studies and videos, one from the other where only one is said; None if neither is."""
        if not self.studies and not self.videos:
            return None
        studies = self.studies or (self.videos or 0) / per_study
        return studies, self.videos or studies * per_study


@dataclass(frozen=True)
class Sizes:
    """The sizes of the papers that are planned."""

    echo: EchoSize | None = None
    cmr: CmrSize | None = None

    def describe(self) -> list[str]:
        """Return a line per paper: where its numbers come from."""
        parts = {"Echo": self.echo, "MRI": self.cmr}
        return [f"{name}: {size.source}" for name, size in parts.items() if size is not None]


def size_papers(config: Config, root: Path, rules: Set[str], given: Mapping[str, Given]) -> Sizes:
    """Return the sizes of the papers that have a job among `rules`."""
    return Sizes(
        size_echo(config, root, given["echo"]) if rules & ECHO_RULES else None,
        size_cmr(config, root, given["cmr"]) if rules & CMR_RULES else None,
    )


def size_echo(config: Config, root: Path, given: Given) -> EchoSize:
    """Return the sizes of the first paper, from the best source there is."""
    cohort = root / "results" / config.run / "echo/cohort/splits.csv"
    if cohort.is_file():
        return echo_of_cohort(cohort)
    per_study = ECHO_VIDEOS / ECHO_STUDIES
    if said := given.both(per_study):
        return expect_echo(*said, config.echo, "as you say")
    rows, source = _count_rows(config, root, "echo")
    if rows:
        source += f", each with the paper's {tell_number(per_study)} videos"
        return expect_echo(rows, rows * per_study, config.echo, source)
    return expect_echo(ECHO_STUDIES, ECHO_VIDEOS, config.echo, PAPERS)


def size_cmr(config: Config, root: Path, given: Given) -> CmrSize:
    """Return the sizes of the second paper, from the best source there is."""
    cohort = root / "results" / config.run / "cmr/cohort/splits.csv"
    if cohort.is_file():
        return cmr_of_cohort(cohort, config.cmr)
    people, videos = CMR_PEOPLE["development"]
    per_study = videos / people
    if said := given.both(per_study):
        return expect_cmr({"development": said}, config.cmr, "as you say")
    rows, source = _count_rows(config, root, "cmr")
    if rows:
        source += f", taken for one cohort, each with the paper's {tell_number(per_study)} videos"
        return expect_cmr({"development": (rows, rows * per_study)}, config.cmr, source)
    roles = set(config.cmr.cohort.roles.values())
    return expect_cmr({role: size for role, size in CMR_PEOPLE.items() if role in roles}, config.cmr, PAPERS)


def _count_rows(config: Config, root: Path, wing: str) -> tuple[int, str]:
    """Return the studies of a wing's sheet or of the demo's settings, and of which; 0 if there is neither.

    Raises InputError for a mistake in the sheet.
    """
    from cineclr.cohort import sheet
    from cineclr.cohort.cmr.sheet import RESERVED

    private = PrivateSide(root / config.private / config.run)
    if (private.root / "sources.yaml").is_file():
        sources = private.sources()
        if wing == "echo" and sources.sheet is not None:
            return len(sheet.read_sheet(sources.sheet, sources, sheet.RESERVED)), "the sheet's rows"
        if wing == "cmr" and sources.cmr is not None:
            return len(sheet.read_sheet(sources.cmr.sheet, sources.cmr, RESERVED)), "the sheet's rows"
    if config.demo is not None:
        wings = {"echo": config.demo.studies, "cmr": config.demo.cmr.patients if config.demo.cmr else 0}
        return wings[wing], "the demo's settings"
    return 0, ""
