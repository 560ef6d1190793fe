"""The view that the name of an MRI series tells, if it tells one.

A name tells a view where it holds one view's words, words of a cine (or nothing else), and none of the words
of what is no cine of that view: localizers, delayed enhancement, maps, flow, perfusion, real-time and
repeated scans. Where its words fit a cine and something else as well, it tells the view faintly.
"""

import re
import unicodedata

from cineclr.config.cmr import View

# In English, and as scanners' users of other languages call them.
CHAMBERS = (
    r" ?(?:chs?|chambers?|chmbr|chbr|chb|cv|c|kammer(?: ?blick)?|kb|kamers?|kammare|cavites?|cav|camaras?|"
    r"cam|camere)"
)
VIEW_WORDS: dict[View, str] = {
    "4CH": rf"(?:lv|lax|s)?(?:4|four|quattro){CHAMBERS}|hla|hlax|hor(?:izontal)? long ?ax(?:is)?|la 4c",
    "3CH": rf"(?:lv|lax|ap|s)?(?:3|three){CHAMBERS}|lvot\d?|aplax|vlax lv ?3 ?ch",
    "2CH": rf"(?:lv|lax|s)?(?:2|two){CHAMBERS}|vla|vert(?:ical)? long ?ax(?:is)?",
    "SAX": r"(?:lv)?(?:saxs?|sa)|shax|sha|sas|sao|sho?rt ?ax(?:is)?|kurze? ?achsen?|ka|petit axe|eje corto|"
    r"asse corto|eixo curto|korte as|kort ?axel",
}
CINE_WORDS = (
    r"s?cines?|fiestas?|tfi|tfisp|s?b ?ffe|bffe|s?btfe|b ?tfe|b?ssfp|func(?:tion)?|retro|tf2d\d*|ef|"
    r"bal(?:anced)?|segmented"
)
# Also the names of single-shot images; a stack of long-axis slices holds more than the view.
FAINT_WORDS, STACK_WORDS = r"trufi|true ?fisp|fisp", r"\w*stack"
# What is no cine, or one of another plane or purpose.
OTHER_WORDS = (
    r"loc(?:alizer|aliser|s)?|scouts?|survey|surv|plan(?:ning)?|define\w*|shim|calibration|ref|"
    r"inversion|de|dhe|dme|lge|mde|delay(?:ed)?|enh\w*|psir|mag|ps|ir|irp|tir\w*|ti|ll|look ?locker|gad\w*|"
    r"gd|post|pre|contrast|"
    r"t1\w*|t2\w*|t2star|map\w*|molli|shmolli|moco|me|mfgre|star|stir|spair|"
    r"perf\w*|rest|stress|flow|sqflow|qflow|q|fastpc|pc|venc|v\d{2,3}|velocit\w*|phase|4d\w*|"
    r"mra|angio\w*|dyn\w*|vibe|lava\w*|haste|ssfse|fse|tse|dir\w*|db|bb|black ?blood|blade|mfast|"
    r"tag\w*|spamm|dense|sense ?ref|nav|3d\w*|mp|mpr|tra|cor|coronal|sag|sagit+al|ax|axial|liver|chest|"
    r"rt|real|realtime|nbh|free|fb|cs|kt|shot|shots|single|echo|rv\w*|lv rv|rvot|ao\w*|aort\w*|av|avv|pv|"
    r"pul\w*|pulm\w*|mpa|pa|rpa|lpa|svc|ivc|atri\w*|mitral|valve|tricuspid|caval|vein|"
    r"try|gre|grid|fl2d|repeat|rpt|again|redo|\d+nd|test|optional|opt|auto\w*|viab\w*|base|apex|p\dch|avg|"
    r"spr|ant|zoom|oblique"
)
# Confidence of a name with the words of a cine, of a view's words alone, and of a faint one.
SURE, BARE, FAINT = 0.8, 0.6, 0.4

_VIEWS = {view: re.compile(rf"\b(?:{words})\b") for view, words in VIEW_WORDS.items()}
_CINE, _OTHER = re.compile(rf"\b(?:{CINE_WORDS})\b"), re.compile(rf"\b(?:{OTHER_WORDS})\b")
_FAINT, _STACK = re.compile(rf"\b(?:{FAINT_WORDS})\b"), re.compile(rf"\b(?:{STACK_WORDS})\b")
_FILLERS = re.compile(r"\b(?:b\d|bh|mbh|lax|long axis|nd|ipat\d?|asset|mid|heart|slices?|\d+|views?|lv)\b")


def view_of_name(name: str) -> tuple[View | None, float]:
    """Return the view and the confidence in it, 0 to 1; (None, 0) where the name tells none or several."""
    text = plain_words(name)
    views = [view for view, words in _VIEWS.items() if words.search(text)]
    if len(views) != 1:
        return None, 0.0
    rest = _VIEWS[views[0]].sub(" ", text)
    if excludes(name if "#" in name else rest):
        return None, 0.0
    rest = _FILLERS.sub(" ", rest)
    if views[0] != "SAX" and _STACK.search(text):
        return views[0], FAINT
    if _CINE.search(rest):
        return views[0], SURE
    if _FAINT.search(rest):
        return views[0], FAINT
    return (None, 0.0) if rest.strip() else (views[0], BARE)


def excludes(name: str) -> bool:
    """Return whether a name says that the series is no cine of one of the four views."""
    return "#" in name or bool(_OTHER.search(plain_words(name)))


def plain_words(name: str) -> str:
    """Return a name in lower case, without accents, with single spaces: `Ciné_SA-B1` is `cine sa b1`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    parted = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", plain)
    words = re.sub(r"[^a-z0-9]+", " ", parted.lower())
    return " ".join(words.split())
