"""Transfer syntaxes: the name by which a compression is reported, and what sets some of them apart."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydicom.uid import (
    MPEG4HP42STEREO,
    MPEG4HP42STEREOF,
    JPEGLossless,
    JPEGLosslessSV1,
    MPEGTransferSyntaxes,
    UID_dictionary,
)

from cineclr.intake.scanners import OTHER
from cineclr.ledger import Code

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

# DICOM Supplement 232; newer than pydicom's dictionary.
JPEG_XL = {
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
}
NAMES = {uid: str(entry[0]) for uid, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax"}
NAMES |= JPEG_XL
# The whole clip is one stream. Stereo streams hold two pictures of each moment: which is shown is not said.
VIDEO = frozenset(MPEGTransferSyntaxes) - {MPEG4HP42STEREO, MPEG4HP42STEREOF}
# Packages that this one does not require.
EXTRAS = {str(JPEGLossless): "pylibjpeg-libjpeg", str(JPEGLosslessSV1): "pylibjpeg-libjpeg"}


def match_syntax(text: str) -> str:
    """Return a transfer syntax UID of the standard, or `other`: what else stands there is not read."""
    return text if text in NAMES else OTHER


def name_syntax(syntax: str) -> str:
    """Return the standard's name of a transfer syntax, `other` for one that is not the standard's."""
    return NAMES.get(syntax, OTHER)


def describe_undecodable(syntaxes: Iterable[str]) -> str:
    """Return how many files of each syntax cannot be decoded here, by name, and what would change it."""
    counts = Counter(syntaxes)
    return "; ".join(
        f"{name_syntax(syntax)}: {count}{_remedy(syntax)}"
        for syntax, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def _remedy(syntax: str) -> str:
    extra = EXTRAS.get(syntax)
    return f" (can be decoded after pip install {extra}, then scan again)" if extra else ""


def warn_undecodable(scanned: pd.DataFrame) -> None:
    """Log by name the compressions for which files of a scan (columns `code`, `syntax`) were set aside."""
    found = scanned.loc[scanned["code"] == Code.UNSUPPORTED_SYNTAX, "syntax"]
    if len(found):
        log.warning("compressions that cannot be decoded here: %s", describe_undecodable(found))
