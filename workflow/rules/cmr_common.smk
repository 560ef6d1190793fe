# Functions of the second paper: slices of its settings, its grid, the files that rules ask for.


def label_slice(wildcards):
    """Settings of the labels; those of the language model only where it labels."""
    used = {"labels", "llm"} if CMR.text.labels.source == "llm" else {"labels"}
    return slice_of(CMR.text, *used)


def bag_slice(section):
    """Settings of one downstream training: the rest of the grid is not its business."""
    grid = {"tasks", "inits", "modes", "ratios"}
    return json.dumps(section.model_dump(mode="json", exclude=grid), sort_keys=True)


def cmr_inits(section):
    """The initialisations that can run: all, but Kinetics-400 only with its weights."""
    without = {"kinetics400"} if CMR.video_encoder.kinetics400 == "none" else set()
    return [init for init in section.inits if init not in without]


def cmr_weights_source(wildcards):
    """Where published weights of the video encoder come from."""
    kinetics = wildcards.published == "kinetics400"
    return CMR.video_encoder.kinetics400 if kinetics else "file"


def cmr_start_weights(wildcards):
    """The weights that video-text pretraining starts from; none for random ones."""
    with_kinetics = CMR.video_encoder.kinetics400 != "none"
    return "<results>/models/mvit_kinetics400.safetensors" if with_kinetics else []


def cmr_init_weights(wildcards):
    """The weights that a downstream training starts from; none for random ones."""
    if wildcards.init == "random":
        return []
    if wildcards.init == "contrastive":
        return "<models>/cmr/pretrain/encoder.safetensors"
    return f"<models>/models/mvit_{wildcards.init}.safetensors"


def cmr_features(wildcards):
    """What the frozen encoder made of every clip, where the encoder is frozen."""
    frozen = wildcards.mode == "fine_tuning"
    return f"<results>/cmr/features/{wildcards.init}.parquet" if frozen else []


def features_option(wildcards, input):
    return f"--features {input.features}" if input.features else ""


def cells_of(section):
    """Initialisation, mode and ratio of each downstream training of a section that can run."""
    cells = product(cmr_inits(section), section.modes, section.ratios)
    return [f"{init}/{mode}/{ratio}" for init, mode, ratio in cells]


def cmr_cells():
    """Every downstream training that can run."""
    diagnoses = product(CMR.diagnoses.tasks, cells_of(CMR.diagnoses))
    return [
        *(f"{LVEF}/{cell}" for cell in cells_of(CMR.lvef)),
        *(f"{task}/{cell}" for task, cell in diagnoses),
    ]


def lvef_predictions():
    cells = cells_of(CMR.lvef)
    return expand(f"<results>/cmr/predictions/{LVEF}/{{cell}}.csv", cell=cells)


def diagnosis_predictions(run="<results>"):
    """The prediction files of every diagnosis."""
    return expand(
        "{run}/cmr/predictions/{task}/{cell}.csv",
        run=run,
        task=CMR.diagnoses.tasks,
        cell=cells_of(CMR.diagnoses),
    )


def retrieval_table():
    """How reports are found by their videos; not where another run's models are tested, without tokens."""
    return "<results>/cmr/evaluation/retrieval.csv" if CONFIG.models is None else []


def told_in_caption(wildcards):
    """The settings of a table's statistics that its caption tells: no other is a reason to make it again."""
    told = {
        "lvef": {"confidence", "lvef_threshold", "bootstrap_samples"},
        "diagnoses": {"confidence"},
        "operating_points": {"confidence", "operating_points"},
    }
    return CMR.evaluation.model_dump(include=told[wildcards.cmr_table])


def zero_shot_predictions(suffix=".csv", run="<results>"):
    """The prediction files of every diagnosis by prompts; they need no label to train on."""
    return expand(
        "{run}/cmr/predictions/{task}/contrastive/zero_shot/0.0{suffix}",
        run=run,
        task=CMR.diagnoses.tasks,
        suffix=suffix,
    )
