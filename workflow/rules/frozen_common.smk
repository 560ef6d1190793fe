# Testing the models of another run (`models` in config.yaml): rules read models from <models>, which is this
# run's own folder unless another is named.

OF_MODEL = ["model.safetensors", "fit.json"]


def models_slice(wildcards):
    """What makes the models of a paper what they are: a run that tests them must agree."""
    return json.dumps(describe_models(CONFIG, wildcards.wing), sort_keys=True)


def echo_files_of_models():
    """What a run takes from that of the models, by the rule that makes it."""
    cells = grid("", by_rate=True)
    return {
        f"{ECHO.views.classifier}_view_classifier": ["models/view_classifier.pt"],
        "build_cohort": ["echo/cohort/splits.parquet"],
        "draw_subsets": ["echo/cohort/subsets.csv"],
        "finetune_echo": expand(
            "echo/finetune/{cell}{file}", cell=cells, file=OF_MODEL
        ),
        "predict_echo": expand("echo/predictions/{cell}", cell=grid(".csv")),
    }


def cmr_files_of_models():
    """What a run takes from that of the models, by the rule that makes it."""
    splitter = "train" if CMR.text.splitter == "train" else "import"
    inits = {*cmr_inits(CMR.lvef), *cmr_inits(CMR.diagnoses)} & {
        "kinetics400",
        "published",
    }
    model, tasks = "cmr/finetune/{target}/{cell}/{file}", CMR.diagnoses.tasks
    lvef, diagnoses = cells_of(CMR.lvef), cells_of(CMR.diagnoses)
    prompted = expand("{task}/contrastive/zero_shot/0.0", task=tasks)
    return {
        f"{splitter}_splitter": ["models/sentence_splitter"],
        "import_text_encoder": ["models/text_encoder"],
        "import_cmr_weights": expand(
            "models/mvit_{init}.safetensors", init=sorted(inits)
        ),
        "build_cmr_cohort": ["cmr/cohort/splits.parquet"],
        "pretrain_cmr": expand(
            "cmr/pretrain/{name}.safetensors", name=["encoder", "text"]
        ),
        "finetune_lvef": expand(model, target=LVEF, cell=lvef, file=OF_MODEL),
        "finetune_diagnosis": expand(
            model, target=tasks, cell=diagnoses, file=OF_MODEL
        ),
        "predict_cmr": expand("cmr/predictions/{cell}.csv", cell=cmr_cells()),
        "predict_zero_shot": expand("cmr/predictions/{cell}.csv", cell=prompted),
    }


@functools.cache
def record_of_models(wing):
    """What another run recorded of its models; stops where it does not fit this run, or one is missing."""
    try:
        recorded = read_models(Path("results"), CONFIG, wing)
    except InputError as error:
        raise WorkflowError(str(error)) from None
    needed = echo_files_of_models() if wing == "echo" else cmr_files_of_models()
    for maker, files in needed.items():
        for path in (Path(MODELS, file) for file in files):
            if not path.exists():
                raise WorkflowError(describe_missing(CONFIG, wing, path, maker))
    return recorded


def recorded_models(wing):
    """The record of a wing's models; of another run's, once they are all there and fit this run."""

    def record(wildcards):
        if CONFIG.models is not None:
            record_of_models(wing)
        return f"<models>/{wing}/models.json"

    return record


def learned_cohort(wing):
    """The cohort that another run's models have learned from; none where this run trains its own."""

    def splits(wildcards):
        if CONFIG.models is None:
            return []
        record_of_models(wing)
        return f"<models>/{wing}/cohort/splits.parquet"

    return splits


def learned_videos(wildcards):
    """What became of that cohort's videos: their checksums know a video again, whatever its name."""
    if CONFIG.models is None:
        return []
    return sorted(map(str, Path(MODELS, "echo/videos").glob("shard_*.parquet")))


def seed_of_models(wildcards):
    """The seed from which the random weights of the models' encoders were drawn."""
    return CONFIG.seed if CONFIG.models is None else record_of_models("cmr")["seed"]
