"""What EchoCLR and its released code say of the settings in `echo`.

The released code is the authors' public repository and, for intake, their sibling one.
"""

from cineclr.published import Note, Paper

ASSUMED = (
    "deidentify.min_kept_fraction",
    "deidentify.codec",
    "deidentify.jpeg_quality",
    "deidentify.keep_colour_doppler",
    "deidentify.max_frames",
    "deidentify.text_gate",
    "deidentify.text_frames",
    "deidentify.text_score",
    "deidentify.sign_off",
    "views.training",
    "clips.min_frames",
    "clips.short",
    "pretrain.accumulate",
    "pretrain.clip_gradient_norm",
    "pretrain.precision",
    "pretrain.sync_batch_norm",
    "finetune.accumulate",
    "finetune.clip_gradient_norm",
    "finetune.positive_weight",
    "finetune.precision",
    "predict.clips_per_video",
    "evaluation.test_samples",
    "evaluation.target_sensitivity",
    "evaluation.target_specificity",
    "evaluation.subgroups",
    "evaluation.age_bands",
    "evaluation.min_cell",
)

NOTES: dict[str, Note] = {
    "deidentify.mask": Note(
        paper="threshold",
        released="every pixel that is not 0 becomes 255, then the threshold",
        reason="few grey levels of a real clip reach 200, so the threshold alone keeps next to nothing",
    ),
    "views.frame_choice": Note(released="frames 0 to 9, from a wrong property of the video reader"),
    "pretrain.temperature": Note(released="0.05"),
    "pretrain.mask_same_study": Note(released="False"),
    "pretrain.sync_batch_norm": Note(released="False"),
    "predict.clips_per_video": Note(released="4"),
    "finetune.positive_weight": Note(reason="both classes weigh the same; the paper names no loss"),
    "cohort.split_unit": Note(reason="a patient may have studies in several splits; `patient` prevents it"),
    "evaluation.test_samples": Note(reason="pROC's own default is 2,000"),
    "evaluation.target_sensitivity": Note(
        reason="chosen on the validation split; the cardiac MRI paper chose on the data it reported"
    ),
}
NOTES["evaluation.target_specificity"] = NOTES["evaluation.target_sensitivity"]

# Defects of the released code, in the order of the stages: what it does, and what happens here. No settings.
DEFECTS: tuple[tuple[str, str], ...] = (
    (
        "grey and palette clips, those under 25 frames per second and small folders are dropped unsaid",
        "decoded, or counted out by name",
    ),
    ("every AVI is stamped 5 frames per second", "the frame rate of the DICOM header"),
    ("blank clips divide 0 by 0", "set aside with a code"),
    ("1 % subsets can lack positives", "stratified and nested; refused where a class would be missing"),
    ("the pretraining script stops with a NameError and ignores its method flags", "all three methods run"),
    ("LVH runs train on the severe AS label", "each task has its own label"),
    ("BGR frames are normalised with RGB Kinetics statistics", "one grey channel, the right statistics"),
    ("dropout after the logit", "none"),
    ("hyperparameters in a folder name that is deleted on a rerun", "checkpoints kept under a hash; resumed"),
    ("95 % intervals between the 5th and 95th percentile (sibling repository)", "the 2.5th and the 97.5th"),
)

ECHO = Paper(
    assumed=ASSUMED,
    elsewhere=("views.classifier", "views.architecture", "views.classes", "views.keep", "predict.batch_size"),
    noted=("clips", "encoder", "pretrain", "finetune", "predict"),
    notes=NOTES,
    defects=DEFECTS,
)
