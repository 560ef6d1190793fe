"""Measured speeds: clips per second of each kind of step on one device, as a small CSV."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

import pandas as pd

from cineclr.config import Config
from cineclr.errors import InputError
from cineclr.operation.networks import describe_network
from cineclr.operation.text import HOUR
from cineclr.operation.work import Kind, Work

SHIPPED = Path(__file__).with_name("rates.csv")
COLUMNS = ["kind", "device", "clips_per_second", "how"]
CPU = "CPU"  # how the name of a device begins that is no GPU


@dataclass(frozen=True)
class Rates:
    """Speeds of one device, of one GPU where there are several.

    Attributes:
        clips_per_second, how: per kind of step.
    """

    device: str
    clips_per_second: Mapping[str, float]
    how: Mapping[str, str]

    @property
    def is_gpu(self) -> bool:
        """Return whether the device is a GPU."""
        return not self.device.startswith(CPU)

    def fitting(self, config: Config) -> "Rates":
        """Return the speeds of the networks that a configuration trains, without those of others."""
        kept = {
            kind: speed
            for kind, speed in self.clips_per_second.items()
            if self.how[kind].startswith(f"{describe_network(cast(Kind, kind), config)};")
        }
        return Rates(self.device, kept, self.how)

    def hours(self, work: Work) -> float:
        """Return the hours that one device takes; NaN if a kind of step has not been measured."""
        speeds = self.clips_per_second
        return sum(clips / speeds.get(kind, math.nan) for kind, clips in work.items() if clips) / HOUR


def read_rates(path: Path) -> Rates:
    """Return the speeds in a file of `cineclr measure-speed`; of several devices, those of the first GPU.

    Raises:
        InputError: no such file, or not of its form.
    """
    if not path.is_file():
        raise InputError(
            f"--rates: no file {path.name}; make one: cineclr measure-speed --output {path.name}"
        )
    table = pd.read_csv(path)
    if list(table.columns) != COLUMNS or table.empty:
        raise InputError(f"--rates: {path.name} must have the columns {', '.join(COLUMNS)}, and a row")
    speeds = pd.to_numeric(table["clips_per_second"], errors="coerce")
    wrong = table.index[~(speeds > 0) | ~table["kind"].isin(get_args(Kind))]
    if len(wrong):
        raise InputError(
            f"--rates: {path.name}, row {wrong[0] + 2}: kind is one of {', '.join(get_args(Kind))}, "
            "clips_per_second a number above 0"
        )
    devices = list(table["device"].unique())
    device = next((name for name in devices if not name.startswith(CPU)), devices[0])
    own = table.assign(clips_per_second=speeds.astype(float))[table["device"] == device].set_index("kind")
    return Rates(device, own["clips_per_second"].to_dict(), own["how"].astype(str).to_dict())
