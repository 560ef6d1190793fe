"""What the diagnoses are called in reports.

A diagnosis is found by its own name, or as a change (`dilated`) of the part of the heart that is nearest in
the same phrase. Abbreviations are written out first, so that the patterns need one spelling only.
"""

import re
from dataclasses import dataclass

# Written out before anything else; upper case where lower case would be an ordinary word.
ABBREVIATIONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (
            r"\bMR(?= (?:imag|angio|exam|stud|scan|evidence|feature|sign))|(?<=[Cc]ardiac )MR\b",
            "magnetic resonance",
        ),
        (r"\b(?:MRI|CMR)\b", "magnetic resonance"),
        (r"\bMR\b", "mitral regurgitation"),
        (r"\bMI\b", "myocardial infarction"),
        (r"\bAS\b", "aortic stenosis"),
        (r"\bPS\b", "pulmonary stenosis"),
        (r"\b(?:PH|PAH|PHTN|pHTN)\b", "pulmonary hypertension"),
        (r"\bSAM\b", "systolic anterior motion"),
        (r"\b(?:HOCM|HNCM|HCM|AHCM)\b", "hypertrophic cardiomyopathy"),
        (r"\b(?:NICM|NIDCM|DCM|IDCM)\b", "nonischemic cardiomyopathy"),
        (r"\bICM\b", "ischemic cardiomyopathy"),
        (r"\b(?:ARVC/D|ARVD/C|ARVC|ARVD|ACM)\b", "arrhythmogenic cardiomyopathy"),
        (r"\b(?:LVNC|NCCM)\b", "noncompaction"),
        (r"\bBAV\b", "bicuspid valve"),
        (r"\bASD\b", "atrial septal defect"),
        (r"\bVSD\b", "ventricular septal defect"),
        (r"\b(?:TOF|ToF)\b", "tetralogy of fallot"),
        (r"\bLVH\b", "left ventricle hypertrophy"),
        (r"\bRVH\b", "right ventricle hypertrophy"),
        (r"\b(?:LV|lv)(?:EDVI?|edvi?)\b", "left ventricle end-diastolic volume"),
        (r"\b(?:RV|rv)(?:EDVI?|edvi?)\b", "right ventricle end-diastolic volume"),
        (r"\bLVOT\b", "outflow tract"),
        (r"\bRVOT\b", "outflow tract"),
        (r"\b(?:LV|lv)\b", "left ventricle"),
        (r"\b(?:RV|rv)\b", "right ventricle"),
        (r"\bLA\b", "left atrium"),
        (r"\bRA\b", "right atrium"),
        (r"\b(?:MPA|PA)\b", "pulmonary artery"),
        (r"\b(?i:s/p)\b", "status post"),
        (r"\b(?i:h/o)\b", "history of"),
        (r"\b(?i:r/o)\b", "rule out"),
        (r"\bFHx?\b", "family history"),
        (r"\b(?i:vs)\.?(?= )", "versus"),
    )
)
SPELLINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"\baema\b", "ema"),
        (r"isch(?:ae|e)mi", "ischemi"),
        (r"non[- ]+(?=ischemi|compact|dilat)", "non"),
        (r"\bpulmonic\b", "pulmonary"),
        (
            r"\bleft (?:and|or) right (atri|ventric)\w+|\bright (?:and|or) left (atri|ventric)\w+",
            r"both \1\2",
        ),
        (r"\b(left|right) ventric(?:le|ular)\b", r"\1 ventricle"),
        # The weight of the heart muscle is no mass.
        (
            r"\b(ventricle|ventricular|myocardial|muscle|body|indexed|(?:volumes?|thickness|size|function)"
            r"(?:,| and|, and)) mass\b(?! (?:in|at|within|attached|arising|adjacent))",
            r"\1 weight",
        ),
        (r"\bmass(?= (?:index|indexed|and (?:\w+ )?(?:volume|function|thickness)))", "weight"),
        (r"\b(left|right) atri(?:um|al)\b(?! append)", r"\1 atrium"),
    )
)

# Parts of the heart that a change may belong to; the change belongs to the nearest.
PARTS: dict[str, str] = {
    "left ventricle": r"left ventricle",
    "right ventricle": r"right ventricle",
    "left atrium": r"left atrium(?! append)",
    "right atrium": r"right atrium",
    "both atria": r"bi-?atrial|both atri\w*|atria\b",
    "both ventricles": r"bi-?ventricular|both ventric\w*|ventricles\b",
    "right heart": r"right[- ](?:sided )?(?:heart|chambers|cardiac chambers)|right-sided chambers",
    "all chambers": r"(?:all )?(?:four|4)[- ](?:cardiac )?chambers?|all (?:cardiac )?chambers",
    "aorta": r"aortic (?:root|arch|annulus)|(?:ascending|thoracic|descending|proximal) (?:thoracic )?aorta"
    r"|sinus(?:es)? of valsalva|\baort(?:a|ic)\b(?! valv| insuf| regurg| cusp| steno)",
    "aortic valve": r"aortic valv\w+|aortic(?= stenosis| insufficiency| regurgitation)",
    "mitral valve": r"mitral(?: valv\w+| leaflets?)?",
    "tricuspid valve": r"tricuspid(?: valv\w+)",
    "pulmonary valve": r"pulmonary valv\w+",
    "pulmonary artery": r"(?:main |peripheral |branch |left |right )*pulmonary (?:arter\w+|trunk)",
    "pulmonary": r"(?:valvular |infundibular )?pulmonary(?= stenosis)",
    "pulmonary vein": r"pulmonary vein\w*",
    "septum": r"inter-?atrial septum|atrial septum",
    "pericardium": r"pericardium",
    "coronary": r"coronary (?!sinus)\w+",
    "inferior vena cava": r"inferior vena cava|\bivc\b|hepatic veins?|coronary sinus",
}

DILATION = (
    r"dilat\w*|enlarg\w*|aneurysm\w*|ectasia|ectatic|increased (?:in )?(?:size|volumes?|caliber|calibre)"
    r"|(?:size|volumes?) (?:is|are|was) increased|volume\w*(?: index)?(?: is| are)? (?:increased|elevated)"
    r"|(?:increased|raised|elevated) (?:indexed )?(?=(?:(?:left|right) ventricle |biventricular )?"
    r"(?:end-diastolic )?volumes?)"
)
THICKENING = (
    r"hypertroph\w*|thickened|increased (?:left ventricle |right ventricle |myocardial )?(?:wall )?thickness"
    r"|(?:increased|elevated) (?:indexed )?(?:left ventricle |right ventricle |myocardial )?weight"
    r"|weight(?: index)? (?:is |was )?(?:\w+ )?(?:increased|elevated)|wall thickening"
    r"|wall thickness (?:is |are )?(?:\w+ )?increased"
)
STENOSIS = r"steno\w+"
REGURGITATION = r"regurgitat\w*|insufficien\w*|incompeten\w*"
# Grades that count, searched in the grade that belongs to the mention.
SEVERE = r"sever|critical|massive|torrential|wide|grade (?:4|iv)|4\+"
LARGE = r"large|massive|huge|voluminous|sever"


@dataclass(frozen=True)
class Change:
    """A change of a part of the heart; with `grade`, only changes so graded count."""

    parts: tuple[str, ...]
    change: str
    grade: str = ""
    lasting: bool = False


@dataclass(frozen=True)
class Name:
    """A diagnosis that has names of its own; with `grade`, only mentions so graded count.

    What is `lasting` is there still if it was there once: the scar of an earlier infarct, a valve prosthesis.
    What may lie `anywhere` in the body counts only if the sentence places it nowhere but in the heart.
    """

    names: str
    grade: str = ""
    lasting: bool = False
    anywhere: bool = False


LEXICON: dict[str, Name | Change | tuple[Name | Change, ...]] = {
    "amyloid": Name(r"(?:\w*amyloid\w*)"),
    "aortic_dilation": Change(("aorta",), DILATION),
    "arrhythmogenic_right_ventricular_cardiomyopathy": Name(
        r"arrhythmogenic (?:right ventricle |left ventricle |biventricular )?(?:cardiomyopathy|dysplasia)"
    ),
    "atrial_myxoma": Name(r"myxoma\w*"),
    "atrial_septal_defect": Name(
        r"atrial septal defects?|(?:ostium )?(?:secundum|primum|sinus venosus)(?:[- ]type)? defects?"
        r"|atrial(?:[- ]level)? shunt\w*"
    ),
    "bicuspid_valve": Name(r"\bbicuspid\w*|bileaflet aortic"),
    "cardiac_thrombus": Name(r"thromb(?:us|i)\b|\bclots?\b", anywhere=True),
    "cardiac_tumor": Name(
        r"(?:\w*sarcoma|tumou?rs?\b|neoplas\w+|malignan\w+|metasta\w+|lymphoma|fibroelastoma|rhabdomyoma"
        r"|cardiac fibroma|hemangioma|paraganglioma|lipoma\b)",
        anywhere=True,
    ),
    "hypertrophic_cardiomyopathy": Name(
        r"hypertrophic (?:obstructive |nonobstructive |non-obstructive )?cardiomyopath\w+"
        r"|asymmetric(?:al)? (?:septal |basal septal |apical )?hypertrophy|apical hypertrophy"
    ),
    "ischemic_cardiomyopathy": Name(
        r"(?<!non)(?<!non-)(?<!non )\bischemic (?:cardiomyopath\w+|heart disease|scar\w*|pattern|etiology"
        r"|aetiology|versus|left ventricle \w*dysfunction)|(?:myocardial )?infarct(?:ion|s|ed)?\b"
        r"|(?:scar|enhancement) in the (?:\w+ )?(?:lad|rca|lcx|cx|left anterior descending) ",
        lasting=True,
    ),
    "large_pericardial_effusion": Name(
        r"pericardial (?:effusion|fluid)\w*|effusion (?:in|of) the pericardium", LARGE
    ),
    "left_atrial_dilation": Change(("left atrium", "both atria", "all chambers"), DILATION),
    "left_ventricular_dilation": Change(("left ventricle", "both ventricles", "all chambers"), DILATION),
    "left_ventricular_hypertrophy": Change(("left ventricle", "both ventricles"), THICKENING),
    "lipomatous_atrial_wall": Name(
        r"lipomatous (?:hypertrophy|infiltration|(?:interatrial |atrial )?septum|thickening)\w*"
        r"|fat(?:ty)? (?:infiltration|thickening|hypertrophy|deposition) (?:of|in) the"
        r" (?:inter-?)?atrial septum"
    ),
    "lv_non_compaction": Name(r"noncompact(?:ion|ed cardiomyopathy|ion cardiomyopathy)"),
    "myocarditis": Name(r"(?:peri)?myocarditis|myopericarditis|perimyocarditis|myocardial inflammation"),
    "non_ischemic_cardiomyopathy": Name(
        r"nonischemic (?:dilated )?(?:cardiomyopath\w+|pattern|etiology|aetiology|scar\w*|process"
        r"|left ventricle \w*dysfunction)|(?:idiopathic |nonischemic )?dilated cardiomyopath\w+|takotsubo\w*"
        r"|(?:stress|peripartum|hypertensive|toxic|viral|alcoholic|idiopathic)[- ](?:induced )?"
        r"cardiomyopath\w+"
        r"|\w+[- ](?:related|induced|associated) cardiomyopath\w+"
    ),
    "other_cardiac_mass": Name(r"\bmass(?:es)?\b|pericardial cysts?|diverticul\w+", anywhere=True),
    "pericarditis": (
        Name(
            r"(?<!myo)pericarditis|pericardial (?:thickening|enhancement|inflammation|constriction)"
            r"|constrictive (?:physiology|pericard\w+)|(?:for|of) constriction"
        ),
        Change(("pericardium",), r"thickened|thickening|enhanc\w+|inflamed|calcified"),
    ),
    "previous_surgery": Name(
        r"cabg|bypass (?:graft\w*|surgery)|sternotomy|(?:ross|fontan|glenn|bentall|mustard|senning|norwood"
        r"|rastelli|david|switch) (?:procedure|operation|repair|surgery)|arterial switch|myectomy"
        r"|(?:cardiac|heart|open[- ]heart|valve|aortic) surgery|transplant\w*|annuloplasty|surgical repair"
        r"|transannular patch|valve (?:replacement|repair)|surgically \w+|(?:aortic root )replacement"
        r"|\brepaired\b"
    ),
    "prosthetic_valve": Name(
        r"(?:bio)?prosthe(?:sis|ses|tic)(?: \w+){0,2}|(?:mechanical|bioprosthetic|tissue) (?:\w+ )?valve\w*"
        r"|valve replacement|(?:aortic|mitral|tricuspid|pulmonary) valve (?:has been |was )?replaced"
        r"|\b(?:tavr|tavi|savr|avr|mvr|pvr)\b",
        lasting=True,
    ),
    "pulmonary_dilation": Change(("pulmonary artery",), DILATION),
    "pulmonary_hypertension": Name(
        r"pulmonary (?:arterial |artery |venous )?hypertension"
        r"|(?:elevated|raised|increased) (?:pulmonary|right)[- ](?:\w+ )?pressures?"
    ),
    "pulmonary_stenosis": Change(("pulmonary valve", "pulmonary artery", "pulmonary"), STENOSIS),
    "right_atrial_dilation": Change(("right atrium", "both atria", "right heart", "all chambers"), DILATION),
    "right_ventricular_dilation": Change(
        ("right ventricle", "both ventricles", "right heart", "all chambers"), DILATION
    ),
    "right_ventricular_hypertrophy": Change(("right ventricle", "both ventricles"), THICKENING),
    "sarcoidosis": Name(r"sarcoid\w*"),
    "severe_aortic_stenosis": Change(("aortic valve",), STENOSIS, SEVERE),
    "severe_mitral_regurgitation": Change(("mitral valve",), REGURGITATION, SEVERE),
    "systolic_anterior_motion_of_mitral": Name(r"systolic anterior (?:motion|movement)"),
    "tetralogy": Name(r"tetralogy|fallot"),
    "ventricular_septal_defect": Name(r"ventricular septal defects?|ventricle septal defects?"),
}
# A statement that the whole study is normal.
NORMAL = re.compile(
    r"\b(?:normal|unremarkable) (?:contrast-enhanced |stress )?"
    r"(?:cardiac|cardiovascular|heart|examination|exam|study|magnetic resonance)\b"
    r"(?! (?:output|index|silhouette|axis|chamber|size|rate|apex|function|anatomy|dimension|volume))"
    r"|\b(?:study|examination|exam|magnetic resonance|heart)(?: examination| study)? (?:is |was |appears )?"
    r"(?:structurally |entirely |completely )?(?:and functionally )?(?:normal|unremarkable"
    r"|within normal limits)\s*(?:$|[.,;]|for age|in all)"
    r"|\bno (?:significant |relevant |structural )?(?:cardiac )?abnormalit(?:y|ies)"
    r"(?: (?:is |are |was |were )?(?:seen|found|identified|detected))?\W*$"
)


def write_out(sentence: str) -> str:
    """Return a sentence in lower case, one space between words, abbreviations and variants written out."""
    text = re.sub(r"\s+", " ", sentence.strip())
    for pattern, replacement in ABBREVIATIONS:
        text = pattern.sub(replacement, text)
    text = text.lower()
    for pattern, replacement in SPELLINGS:
        text = pattern.sub(replacement, text)
    return text
