"""The table of deviations: every setting of a run beside its paper's and the released code's."""

from dataclasses import asdict
from pathlib import Path

import pandas as pd

from cineclr.config.base import Section
from cineclr.config.cmr import Cmr
from cineclr.config.echo import Echo
from cineclr.files import write_table
from cineclr.published import Paper, list_choices
from cineclr.published.cmr import CMR
from cineclr.published.echo import ECHO


def tabulate_deviations(settings: Echo, output: Path) -> None:
    """Write every scientific setting of `echo` beside its paper's and the released code's."""
    _tabulate(ECHO, settings, output)


def tabulate_cmr_deviations(settings: Cmr, output: Path) -> None:
    """Write every scientific setting of `cmr` beside its paper's and the released code's."""
    _tabulate(CMR, settings, output)


def _tabulate(paper: Paper, settings: Section, output: Path) -> None:
    write_table(pd.DataFrame([asdict(choice) for choice in list_choices(paper, settings)]), output)
