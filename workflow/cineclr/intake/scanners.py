"""Makers and models of scanners as closed lists: a header's text is matched, and the list's own word is kept.

A name typed into Manufacturer cannot leave this way: what fits no entry is `other`.
"""

# Part of the Manufacturer text in lower case -> our word; the first that fits counts.
VENDORS: tuple[tuple[str, str], ...] = (
    ("philips", "philips"),
    ("atl ultrasound", "philips"),
    ("agilent", "philips"),
    ("siemens", "siemens"),
    ("acuson", "siemens"),
    ("toshiba", "canon"),
    ("canon", "canon"),
    ("hitachi", "hitachi"),
    ("aloka", "hitachi"),
    ("sonosite", "sonosite"),
    ("fujifilm", "fujifilm"),
    ("samsung", "samsung"),
    ("medison", "samsung"),
    ("mindray", "mindray"),
    ("esaote", "esaote"),
    ("butterfly", "butterfly"),
    ("ge ", "ge"),
    ("vingmed", "ge"),
)
# Part of the model's name in lower case -> our word; longer names before their parts.
MODELS: tuple[str, ...] = (
    *("vivid e95", "vivid e90", "vivid e80", "vivid e9", "vivid s70", "vivid s60", "vivid s6", "vivid s5"),
    *("vivid iq", "vivid t9", "vivid t8", "vivid q", "vivid i", "vivid 7", "vivid 4", "vivid 3", "vscan"),
    *("epiq cvx", "epiq 7", "epiq 5", "affiniti 70", "affiniti 50", "cx50", "ie33", "ie 33", "sparq", "hd15"),
    *("hd11", "sonos 7500", "sonos 5500", "compact xtreme", "sc2000", "sequoia", "x700", "cypress"),
    *("aplio i900", "aplio 500", "aplio 300", "artida", "xario", "lisendo", "arietta", "prosound", "turbo"),
    *("m-turbo", "edge ii", "x-porte", "micromaxx", "resona", "m9", "te7", "mylab", "hs70", "ek7"),
    "butterfly iq",
)
OTHER = "other"


def match_vendor(text: str) -> str:
    """Return the vendor's word of the closed list, or `other`."""
    padded = " ".join(text.lower().replace(",", " ").split()) + " "
    return next((word for part, word in VENDORS if part in padded), OTHER)


def match_model(text: str) -> str:
    """Return the scanner's word of the closed list, or `other`; a maker's name may precede it."""
    padded = " " + " ".join(text.lower().split())
    return next((model for model in MODELS if f" {model}" in padded), OTHER)
