"""The words of made-up MRI reports: several ways to say each fact."""

INDICATIONS = (
    "Evaluation of cardiac structure and function.",
    "Chest pain and shortness of breath, rule out cardiomyopathy.",
    "Palpitations; echo windows were poor.",
    "Abnormal ECG with T wave inversion in V4-V6.",
    "Assessment of left ventricular function before device implantation.",
    "Family history of sudden death, e.g. in a brother at 41 yrs.",
    "Dyspnea on exertion, approx. 2 flights of stairs.",
)
TECHNIQUES = (
    "Images were acquired on a 1.5 T {vendor} scanner with ECG gating.",
    "Steady-state free precession cine images were obtained in standard planes.",
    "Cine imaging was performed in the 2-, 3- and 4-chamber planes and in a short axis stack.",
    "Late gadolinium imaging was performed approx. 10 min. after 0.15 mmol/kg of contrast.",
    "The examination was performed without complications.",
    "Breath holding was limited, i.e. some images are degraded by motion.",
)
COMPARISONS = (
    "None available.",
    "Compared with the prior study of {earlier}, there is no significant change.",
    "Echocardiogram of {earlier}.",
)
CLOSINGS = (
    "Findings were discussed with Dr. {doctor} by telephone.",
    "Clinical correlation is advised.",
    "I have personally reviewed the images and agree with this report.",
    "Thank you for referring this patient.",
)

# How well a ventricle pumps: least LVEF in % -> words.
FUNCTIONS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (70, ("hyperdynamic", "vigorous", "supranormal")),
    (53, ("normal", "preserved", "within normal limits")),
    (45, ("mildly reduced", "slightly impaired", "low normal to mildly decreased")),
    (35, ("moderately reduced", "moderately impaired", "moderately depressed")),
    (0, ("severely reduced", "severely impaired", "markedly depressed")),
)
LV_FUNCTION = (
    "Left ventricular systolic function is {words}, with an ejection fraction of {lvef:.0f}%.",
    "LVEF is {words} at {lvef:.0f} %.",
    "The left ventricular ejection fraction measures {lvef:.0f}% ({words}).",
    "Global LV function is {words} (EF {lvef:.0f} %).",
)
LV_VOLUMES = (
    "LVEDV index is {edvi:.0f} ml/m2 and LVESV index is {esvi:.0f} ml/m2.",
    "Indexed volumes: EDV {edvi:.0f} ml/m2, ESV {esvi:.0f} ml/m2.",
    "The LV measures {edvi:.0f} ml/m2 in diastole and {esvi:.0f} ml/m2 in systole.",
)
WALL = (
    "Maximal wall thickness is {wall:.0f} mm.",
    "The thickest segment measures {tenth:.1f} cm.",
    "End-diastolic wall thickness reaches {wall:.0f} mm.",
)
RV = (
    "Right ventricular ejection fraction is {rvef:.0f}%.",
    "RVEF measures {rvef:.0f} %.",
    "RV systolic function: EF of {rvef:.0f}%.",
)
AKINETIC = (
    "There is akinesis of the {wall} wall with subendocardial late enhancement.",
    "The {wall} wall is akinetic and thinned, in keeping with prior infarction.",
    "Regional wall motion: the {wall} segments do not contract.",
)
MOVING = (
    "There is no regional wall motion abnormality.",
    "All segments contract normally.",
    "No focal akinesis is seen.",
)
GLOBAL = (
    "There is global hypokinesis.",
    "All walls are diffusely hypokinetic.",
    "Hypokinesis is diffuse, without a coronary distribution.",
)

# What a report says of a diagnosis: present, absent, uncertain, historical.
STATEMENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "hypertrophic_cardiomyopathy": {
        "present": (
            "Asymmetric septal hypertrophy is consistent with hypertrophic cardiomyopathy.",
            "Findings are diagnostic of hypertrophic cardiomyopathy with a septum of {wall:.0f} mm.",
            "Marked thickening of the septum, compatible with HCM.",
        ),
        "absent": ("No evidence of hypertrophic cardiomyopathy.", "There are no features of HCM."),
    },
    "left_ventricular_hypertrophy": {
        "present": (
            "There is left ventricular hypertrophy.",
            "The left ventricle is hypertrophied.",
            "LV hypertrophy is present.",
        ),
        "absent": ("Wall thickness is normal.", "No left ventricular hypertrophy."),
    },
    "non_ischemic_cardiomyopathy": {
        "present": (
            "The appearance is that of a nonischemic cardiomyopathy.",
            "Findings are in keeping with dilated, non-ischemic cardiomyopathy.",
            "Non-ischemic cardiomyopathy with globally impaired function.",
        ),
        "absent": ("There is no evidence of a nonischemic cardiomyopathy.",),
    },
    "ischemic_cardiomyopathy": {
        "present": (
            "Findings are consistent with ischemic cardiomyopathy.",
            "Ischemic cardiomyopathy with an infarct of the {akinetic} wall.",
            "The pattern is that of an ischaemic cardiomyopathy.",
        ),
        "absent": ("No evidence of ischemic cardiomyopathy.", "No infarct pattern enhancement."),
    },
    "left_ventricular_dilation": {
        "present": (
            "The left ventricle is dilated.",
            "There is left ventricular dilatation.",
            "LV cavity is enlarged.",
        ),
        "absent": ("The left ventricle is normal in size.", "LV is not dilated."),
    },
    "right_ventricular_dilation": {
        "present": (
            "The right ventricle is dilated.",
            "There is right ventricular enlargement.",
            "RV is enlarged.",
        ),
        "absent": ("The right ventricle is normal in size.", "RV size is within normal limits."),
    },
    "left_atrial_dilation": {
        "present": (
            "The left atrium is dilated, with an area of {la:.0f} cm2.",
            "Left atrial enlargement ({la:.0f} cm2).",
            "There is dilation of the left atrium.",
        ),
        "absent": ("Left atrial size is normal.", "Both atria are normal in size."),
    },
    "large_pericardial_effusion": {
        "present": (
            "There is a large pericardial effusion of up to {fluid:.0f} mm.",
            "Large circumferential pericardial effusion, {cm:.1f} cm in depth.",
        ),
        "absent": ("No pericardial effusion.", "The pericardium is unremarkable, without effusion."),
    },
    "normal": {
        "present": (
            "Normal cardiac MRI.",
            "Normal study with no evidence of cardiomyopathy.",
            "Unremarkable examination of the heart.",
        ),
    },
    "previous_surgery": {"historical": ("Status post coronary artery bypass surgery in {past}.",)},
    "cardiac_thrombus": {"uncertain": ("An apical thrombus cannot be excluded.", "Possible LV thrombus.")},
    "sarcoidosis": {
        "uncertain": ("Cardiac sarcoidosis is in the differential.", "Questionable sarcoidosis.")
    },
    "myocarditis": {
        "historical": ("History of myocarditis in {past}.", "Previous myocarditis, now resolved.")
    },
    "prosthetic_valve": {"present": ("A prosthetic aortic valve is in place.",)},
}
