# Every function of the workflow. Rules see the configuration only through these: paths, slices, grids.

import functools
import json
import shlex
import sys
from itertools import product
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

PACKAGE = Path(workflow.basedir) / "workflow"
sys.path.insert(0, str(PACKAGE))

from cineclr.config import load_config
from cineclr.config.cmr import LVEF
from cineclr.config.echo import Echo, SSL_METHODS
from cineclr.errors import InputError
from cineclr.frozen import describe_missing, describe_models, read_models
from cineclr.operation.cluster import end_orphans
from cineclr.operation.lock import hold_lock
from cineclr.operation.dry_run import follow_dry_run
from cineclr.operation.journal import end_journals, keep_journal, name_journal
from cineclr.published import describe_departures
from cineclr.published.cmr import CMR as CMR_PAPER
from cineclr.published.echo import ECHO as ECHO_PAPER

try:
    CONFIG = load_config(config)
except InputError as error:
    raise WorkflowError(str(error)) from None


def own_python():
    """Put this Python first on the path of jobs, unless an environment of their own is deployed for them."""
    if workflow.deployment_settings.deployment_method:
        return ""
    return f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "


follow_dry_run(CONFIG)  # does nothing but in that of `cineclr plan`

RESULTS = f"results/{CONFIG.run}"
PRIVATE = f"{CONFIG.private}/{CONFIG.run}"
# Where models come from: this run trains them, unless it tests those of another one.
MODELS = f"results/{CONFIG.models or CONFIG.run}"
ECHO, CMR = CONFIG.echo, CONFIG.cmr
# The models trained on all labels: those that would be used, whose curves and subgroups are shown.
LARGEST = max(ECHO.finetune.ratios)

# Jobs find the package without an installation, also in conda and container jobs; without those they use
# the Python that runs Snakemake.
shell.executable("bash")
shell.prefix(
    f"set -euo pipefail; export PYTHONPATH={shlex.quote(str(PACKAGE))}; {own_python()}"
)


wildcard_constraints:
    shard=r"\d+",
    method="simclr|mi_simclr|echoclr",
    task="|".join(ECHO.finetune.tasks),
    init="|".join({*ECHO.finetune.inits, *CMR.lvef.inits, *CMR.diagnoses.inits}),
    ratio=r"\d\.\d+",
    rate=r"[0-9.e-]+",
    metric="auroc|aupr",
    kind="label_efficiency|ablation",
    evaluation="operating_points|calibration|subgroups",
    published="kinetics400|published",
    mode="fine_tuning|transfer_learning",
    diagnosis="|".join(CMR.diagnoses.tasks),
    target="|".join([LVEF, *CMR.diagnoses.tasks]),
    wing="echo|cmr",


# What jobs ask of a machine. A profile may set other values for a rule; a local run takes them as they are.
LONGEST = 3 * 24 * 60


def grow(mem_mb):
    """Memory in MB: twice and four times as much when a job is tried again."""
    return lambda wildcards, attempt: mem_mb * min(2 ** (attempt - 1), 4)


def extend(minutes):
    """Minutes: more when a job is tried again, up to three days. A training goes on where it was stopped."""
    return lambda wildcards, attempt: min(minutes * attempt, LONGEST)


def label_gpus():
    """A GPU for labelling where the language model runs in the job itself."""
    labels, llm = CMR.text.labels, CMR.text.llm
    return int(labels.source == "llm" and llm.backend == "transformers")


def slice_of(section, *names):
    """A section of the configuration (or those settings of it) as JSON: what a rule with it as `params` reruns for."""
    settings = section.model_dump(mode="json", include=set(names) or None)
    return json.dumps(settings, sort_keys=True)


def execution(wildcards, threads):
    """How trainings are carried out. Params that depend on `threads` are not compared: a change reruns nothing."""
    return slice_of(CONFIG.execution)


def subsets_to_come(wildcards, threads):
    """The fine-tunings whose subsets are checked before days of pretraining; like `execution`, never compared.

    An ancient file as an input would not do: where its own rule has to run, Snakemake overlooks whatever else
    changed for the rules behind it.
    """
    finetune = ECHO.finetune
    ratios = " ".join(map(str, finetune.ratios))
    return f"--tasks {' '.join(finetune.tasks)} --ratios {ratios}"


def named_wings():
    """The papers that this run has data for, by sources.yaml or, of a demo, by its settings."""
    if CONFIG.demo is not None:
        return {"echo", "cmr"} if CONFIG.demo.cmr else {"echo"}
    try:
        named = yaml.safe_load(Path(PRIVATE, "sources.yaml").read_text()) or {}
    except (OSError, yaml.YAMLError):
        return {"echo"}  # the first command that reads it says what is wrong
    return {wing for wing, key in (("echo", "sheet"), ("cmr", "cmr")) if key in named}


WINGS = named_wings()
# What reads the user's own files, or is no more than an index of them.
READING = {
    "echo": ["import_sheet", "index_studies"],
    "cmr": ["import_cmr_sheet", "import_reports", "index_cmr", "map_series"],
}


def scan_shards(pattern):
    return expand(pattern, shard=range(CONFIG.shards.scan))


def study_shards(pattern):
    return expand(pattern, shard=range(CONFIG.shards.studies))


def require_sources(wildcards):
    """The private side; without it, the steps that lead to it instead of a missing file.

    Ancient, but for a demo that is made again: another line in sources.yaml is no reason to scan every file
    and import every model again; what has to run for it is asked for by name.
    """
    sources = f"{PRIVATE}/sources.yaml"
    if CONFIG.demo is None and not Path(sources).exists():
        raise WorkflowError(
            f"Run '{CONFIG.run}' has no data yet ({sources} is missing). To use your own data:\n"
            f"  1. cineclr init --private {PRIVATE} --dicom FOLDER --sheet FILE, and for cardiac MRI\n"
            "     --cmr-dicom FOLDER --cmr-sheet FILE --cmr-reports FILE\n"
            f"  2. edit {sources} (column names, how the sheet links to DICOM)\n"
            f"  3. cineclr check\n"
            "To see everything at work without data: make demo"
        )
    return sources if CONFIG.demo else ancient(sources)


def spare_real_data():
    """Refuse a demo where a real hospital's key lies: Snakemake deletes a job's outputs before it runs."""
    if Path(PRIVATE, "key").exists() and not Path(PRIVATE, "truth").is_dir():
        raise WorkflowError(
            f"{PRIVATE} holds the key of real data; choose another `run` for the demo"
        )


def start_run():
    """Before the first job: no second Snakemake in this folder, no job that a dead one left, sound sources."""
    try:
        globals()["LOCK"] = hold_lock(Path(".snakemake/cineclr.lock"))
        end_orphans(Path.cwd())
    except InputError as error:
        raise WorkflowError(str(error)) from None
    check_sources()
    begin_journal()


def check_sources():
    """Stop before the first job of a run's first start where sources.yaml or the sheet has a mistake."""
    imported = {"echo": "sheets/echo.parquet", "cmr": "cmr/sheet.parquet"}
    begun = all(Path(PRIVATE, imported[wing]).exists() for wing in WINGS)
    if Path(PRIVATE, "sources.yaml").exists() and not begun:
        shell("python -m cineclr check-sources --private {PRIVATE:q}")


def begin_journal():
    """Note from now on what becomes of every job, for `cineclr status`; a fault of it stops nothing."""
    try:
        jobs = workflow.dag.stats()[1]
        keep_journal(name_journal(Path(RESULTS)), jobs=jobs)
    except Exception as error:
        print(
            f"no journal is kept ({type(error).__name__}): `cineclr status` will not know this run"
        )


def tell_failures():
    """Name the jobs that failed and why; whatever happens here, the run's own error stands."""
    end_journals()
    shell("python -m cineclr status --run {CONFIG.run:q} || true")


def summarize():
    """Show the finished run on one screen."""
    end_journals()
    if Path(RESULTS, "report.html").exists():
        shell("python -m cineclr summarize --results {RESULTS:q}")


def gate_option(wildcards):
    """Whether the residual-text gate has looked at every clip; only then do DICOM objects call them clean."""
    return "--gated" if ECHO.deidentify.text_gate else "--no-gated"


def private_side(wildcards):
    return PRIVATE


def results_side(wildcards):
    return RESULTS


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


# The second paper.


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
