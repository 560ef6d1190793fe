# What both papers share: the configuration, what jobs ask of a machine, how a run begins and ends.
# What rules take from the configuration in more than one step is a function, of one concern in each *_common.smk.

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


def grow_with_input(mem_mb, factor):
    """Memory in MB as `grow` has it, or `factor` times the size of the input files where that is more."""

    def resource(wildcards, input, attempt):
        return int(grow(max(mem_mb, factor * input.size_mb))(wildcards, attempt))

    return resource


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


def private_side(wildcards):
    return PRIVATE


def results_side(wildcards):
    return RESULTS
