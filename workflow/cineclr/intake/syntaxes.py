"""Transfer syntaxes: a closed list, of which a header's text is a member or `other`."""

from pydicom.uid import UID_dictionary

from cineclr.intake.scanners import OTHER

# DICOM Supplement 232; newer than pydicom's dictionary.
JPEG_XL = {
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
}
NAMES = {uid: str(entry[0]) for uid, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax"}
NAMES |= JPEG_XL


def match_syntax(text: str) -> str:
    """Return a transfer syntax UID of the standard, or `other`: what else stands there is not read."""
    return text if text in NAMES else OTHER


def name_syntax(syntax: str) -> str:
    """Return the standard's name of a transfer syntax, `other` for one that is not the standard's."""
    return NAMES.get(syntax, OTHER)
