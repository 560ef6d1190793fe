# Functions of the first paper: slices of its settings, its grid, the files that rules ask for.


def gate_option(wildcards):
    """Whether the residual-text gate has looked at every clip; only then do DICOM objects call them clean."""
    return "--gated" if ECHO.deidentify.text_gate else "--no-gated"


def deidentify_slice(wildcards):
    """Settings of de-identification; how many clips people look at afterwards is not its business."""
    settings = ECHO.deidentify.model_dump(mode="json", exclude={"sign_off"})
    return json.dumps(settings, sort_keys=True)


def decisions(wildcards):
    """What people decided about clips of a study shard (`cineclr review-quarantine`); nothing yet is no input."""
    path = f"decisions/shard_{wildcards.shard}.csv"
    return f"<private>/{path}" if Path(PRIVATE, path).exists() else []


def sign_off_sheet(wildcards):
    """The sheet of the sign-off, once `cineclr review-sample` has made it."""
    sheet = "review/sample.csv"
    return f"<private>/{sheet}" if Path(PRIVATE, sheet).exists() else []


def sign_off():
    """What must be there before tables and figures are made of clips, if echo.deidentify.sign_off asks for it."""
    return ["<results>/intake/signed_off.json"] if ECHO.deidentify.sign_off else []


def trained_inits():
    """The initialisations that can run: all, but Kinetics-400 only with its weights."""
    without = {"kinetics400"} if ECHO.encoder.kinetics400 == "none" else set()
    return [init for init in ECHO.finetune.inits if init not in without]


def initial_weights(wildcards):
    """The weights that a fine-tuning starts from; none for random ones."""
    if wildcards.init == "random":
        return []
    if wildcards.init == "kinetics400":
        return "<results>/models/kinetics400.safetensors"
    return f"<results>/echo/pretrain/{wildcards.init}/encoder.safetensors"


def candidate_rates(wildcards):
    """The learning rates of one grid cell (the paper's rule)."""
    return ECHO.finetune.candidates(wildcards.init, float(wildcards.ratio))


def candidates(name):
    """The files of one grid cell over its candidate learning rates."""

    def files(wildcards):
        rates = candidate_rates(wildcards)
        cell = f"<models>/echo/finetune/{wildcards.task}/{wildcards.init}/{wildcards.ratio}"
        return [f"{cell}/{rate:g}/{name}" for rate in rates]

    return files


def pretrain_slice(wildcards):
    """Settings of one method: the other methods' epochs are not its business."""
    settings = ECHO.pretrain.model_dump(mode="json")
    settings["epochs"] = settings["epochs"][wildcards.method]
    return json.dumps(settings, sort_keys=True)


def finetune_slice(wildcards):
    """Settings of one training: the rest of the grid is not its business."""
    grid = {"tasks", "inits", "ratios", "learning_rates", "search_up_to"}
    return json.dumps(
        ECHO.finetune.model_dump(mode="json", exclude=grid), sort_keys=True
    )


def weights_option(wildcards, input):
    return f"--weights {input.weights}" if input.weights else ""


def grid(name, by_rate=False):
    """A file of every cell of the grid that can run, or of every learning rate of each cell."""
    finetune = ECHO.finetune
    cells = product(finetune.tasks, trained_inits(), finetune.ratios)
    if not by_rate:
        return [f"{task}/{init}/{ratio}{name}" for task, init, ratio in cells]
    return [
        f"{task}/{init}/{ratio}/{rate:g}/{name}"
        for task, init, ratio in cells
        for rate in finetune.candidates(init, ratio)
    ]


def predictions(ratios, run="<results>"):
    """The prediction files of one task at these ratios."""
    return expand(
        "{run}/echo/predictions/{{task}}/{init}/{ratio}.csv",
        run=run,
        init=trained_inits(),
        ratio=ratios,
    )


def results_table(task):
    number = {"lvh": "s2_lvh", "severe_as": "s3_severe_as"}[task]
    return f"<results>/echo/tables/table_{number}.csv"


def result_figures():
    return expand(
        "<results>/echo/figures/{kind}_{task}_{metric}.svg",
        kind=["label_efficiency", "ablation"],
        task=ECHO.finetune.tasks,
        metric=["auroc", "aupr"],
    )


def evaluation_tables():
    return expand(
        "<results>/echo/tables/{evaluation}_{task}.csv",
        evaluation=["operating_points", "calibration", "subgroups"],
        task=ECHO.finetune.tasks,
    )


def evaluation_figures():
    return expand(
        "<results>/echo/figures/{kind}_{task}.svg",
        kind=["curves", "calibration"],
        task=ECHO.finetune.tasks,
    )
