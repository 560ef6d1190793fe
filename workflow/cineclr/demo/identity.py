"""Who the patients are: invented names, numbers, dates and addresses, none of which may ever leave."""

import datetime
import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cineclr.seeds import derive_seed

UID_ROOT = "1.2.826.0.1.3680043.10.1490"
ISSUER = "HOSPITAL-MPI"
# Syllables that make surnames which no word list, log or random byte string holds.
ONSETS = (
    "Quandr",
    "Vexm",
    "Zorb",
    "Thraw",
    "Wyndl",
    "Grisk",
    "Jolv",
    "Plenqu",
    "Druvk",
    "Myrzt",
    "Oxv",
    "Blenk",
)
MIDDLES = ("ava", "ilo", "uve", "oxi", "yra", "ewo", "izu", "ogu")
ENDINGS = ("nski", "strom", "vajda", "quist", "whithe", "mbele", "zadeh", "rkyan")
GIVEN = {
    "F": ("Orsolya", "Wilhelmina", "Xiomara", "Philippa", "Zenobia", "Thorunn", "Quenby", "Marisol"),
    "M": ("Bartholomew", "Evander", "Leopold", "Zsigmond", "Torvald", "Ignatius", "Quillon", "Ambrose"),
}
STREETS = ("Larkspur Crescent", "Old Tannery Walk", "Kestrel Rise", "Millrace Embankment", "Foxglove Terrace")


@dataclass(frozen=True)
class Identity:
    """A patient as the hospital's records name them."""

    family: str
    given: str
    number: str
    birth: datetime.date
    sex: Literal["F", "M"]
    body_surface: float
    address: str
    telephone: str

    @property
    def dicom_name(self) -> str:
        """The name as DICOM writes it: FAMILY^GIVEN."""
        return f"{self.family}^{self.given}".upper()

    @property
    def plain_name(self) -> str:
        """The name as people write it."""
        return f"{self.given} {self.family}"


def uid(seed: int, *names: object) -> str:
    """Return a DICOM unique identifier that is a pure function of the seed and the object's names."""
    digest = hashlib.sha256("\0".join(str(part) for part in (seed, *names)).encode()).digest()
    return f"{UID_ROOT}.{int.from_bytes(digest[:13], 'big')}"


def study_number(seed: int, index: int) -> str:
    """Return the accession number of a study."""
    return f"ACC{derive_seed(seed, 'demo', 'accession') % 900 + 100}{index:06d}E"


def draw_identities(count: int, seed: int) -> list[Identity]:
    """Return `count` patients with different names, numbers and birth dates."""
    rng = np.random.default_rng(derive_seed(seed, "demo", "identities"))
    numbers = rng.choice(9_000_000, size=count, replace=False) + 1_000_000
    return [_draw_identity(index, int(number), rng) for index, number in enumerate(numbers)]


def _draw_identity(index: int, number: int, rng: np.random.Generator) -> Identity:
    sex: Literal["F", "M"] = "F" if rng.random() < 0.5 else "M"
    family = str(rng.choice(ONSETS)) + str(rng.choice(MIDDLES)) + str(rng.choice(ENDINGS))
    if index >= 100:  # a second barrel keeps names distinct in large hospitals
        family += f"-{rng.choice(ONSETS)}{rng.choice(MIDDLES)}"
    birth = datetime.date(1926, 1, 1) + datetime.timedelta(days=int(rng.integers(0, 365 * 48)))
    typical = 1.75 if sex == "F" else 2.0
    return Identity(
        family=family,
        given=str(rng.choice(GIVEN[sex])),
        number=f"MRN{number}",
        birth=birth,
        sex=sex,
        body_surface=float(np.clip(rng.normal(typical, 0.15), 1.35, 2.5)),
        address=f"{rng.integers(1, 400)} {rng.choice(STREETS)}",
        telephone=f"+44 7700 {number % 1_000_000:06d}",
    )
