"""What the video-text paper and its released code say of the settings in `cmr`.

The released code is the authors' public model and toolkit repositories, which lack the pretraining.
"""

from cineclr.published import Note, Paper

ASSUMED = (
    "views.min_confidence",
    "studies",
    "text.max_tokens",
    "text.labels.uncertain",
    "text.labels.historical",
    "text.llm",
    "pretrain.accumulate",
    "pretrain.clip_gradient_norm",
    "pretrain.temperature",
    "pretrain.learn_temperature",
    "pretrain.video_weight",
    "pretrain.precision",
    "lvef.ratios",
    "lvef.batch_size",
    "lvef.accumulate",
    "lvef.clip_gradient_norm",
    "lvef.attention",
    "lvef.patience",
    "lvef.validate_steps",
    "lvef.huber_delta",
    "diagnoses.batch_size",
    "diagnoses.accumulate",
    "diagnoses.clip_gradient_norm",
    "diagnoses.attention",
    "diagnoses.patience",
    "diagnoses.validate_steps",
    "evaluation.bootstrap_samples",
    "evaluation.operating_points",
    "evaluation.min_cell",
)
NOTES: dict[str, Note] = {
    "text.llm.model": Note(reason="the paper names the 27-billion-parameter MedGemma 3"),
    "diagnoses.positive_weight": Note(
        released="all / positives", reason="negatives / positives: both classes weigh the same"
    ),
    "evaluation.operating_points": Note(
        released="test", reason="thresholds chosen on the data that they are reported on are optimistic"
    ),
    "cohort.train_and_test_shares.val": Note(reason="the paper's UK Biobank split"),
}

# Defects of the released code, in the order of the stages: what it does, and what happens here. No settings.
DEFECTS: tuple[tuple[str, str], ...] = (
    (
        "the two repositories disagree on the order of the axes in HDF5",
        "one schema, written down and checked",
    ),
    (
        "slice boundaries are off by one and the first slice is lost",
        "an axis of slices; frames counted in each",
    ),
    ("frames without SliceLocation or AccessionNumber are dropped", "ordered by their position in space"),
    ("the SeriesDescription as typed is the name of a dataset", "the view; no text of a header is kept"),
    ("the pretraining is not released", "written from the paper"),
    ("batches of one study", "studies of unequal size in one batch, with masks"),
    ("the optimizer leaves out the classifier's head", "every trainable weight is trained"),
    ("LVEF trains with the loss of a yes-or-no question", "the paper's Huber loss"),
    ("an unreadable test study is replaced by another one at random", "counted and named; never replaced"),
    ("AUROCs below 0.5 are turned over", "the direction is fixed"),
    ("models are compared row by row, though rows differ in study", "joined by study"),
    ("where labels then differ, the unpaired test is taken unsaid", "always the paired test"),
)

CMR = Paper(
    assumed=ASSUMED,
    elsewhere=("text.splitter", "text_encoder.source", "text_encoder.revision", "predict.batch_size"),
    noted=("studies", "video_encoder", "text_encoder", "pretrain", "lvef", "diagnoses"),
    notes=NOTES,
    defects=DEFECTS,
)
