"""Partial reruns: what a changed setting, or a stage asked for again, plans on a finished run.

`RERUNS` is the table: a setting, another value of it, and the rules that this plans. The page of recipes
shows the same table to the user, and is compared with it.
"""

import re

import pytest
from conftest import ROOT

RECIPES = ROOT / "docs/recipes.md"
LAST = {"write_report", "all", "total"}
# What the models of the run share with data that they are tested on later.
RECORD = "record_models"
# Whatever is set is told in the table of deviations.
DEVIATIONS = {"echo": {"tabulate_deviations"}, "cmr": {"tabulate_cmr_deviations"}, "execution": set()}

# The first paper, from the last stage to the first.
AFTER_EVALUATION = {"evaluate_echo", "tabulate_results", "plot_results", "plot_curves"}
# Where not every model of the grid is new, those of the largest ratio may be as they were.
AFTER_SOME_PREDICTION = {*AFTER_EVALUATION, "evaluate_operating_points", "tabulate_evaluation"}
AFTER_PREDICTION = AFTER_SOME_PREDICTION | {"evaluate_calibration", "evaluate_subgroups", "plot_calibration"}
AFTER_ECHO_PRETRAINING = AFTER_PREDICTION | {"finetune_echo", "predict_echo"}
AFTER_CLIPS = AFTER_ECHO_PRETRAINING | {
    *("build_cohort", "draw_subsets", "tabulate_cohort", "plot_cohort_flow", "pretrain_echo"),
}
AFTER_VIDEOS = {*AFTER_CLIPS, "train_view_classifier", "classify_views", "preprocess_clips"}
PUBLISHED = {
    *("tabulate_cohort", "tabulate_results", "tabulate_evaluation"),
    *("plot_results", "plot_curves", "plot_calibration", "plot_cohort_flow"),
}

# The second.
AFTER_LVEF = {"evaluate_lvef", "tabulate_cmr", "plot_lvef", "plot_lvef_ratios"}
AFTER_DIAGNOSES = {"evaluate_diagnoses", "evaluate_cmr_operating_points", "tabulate_cmr", "plot_diagnoses"}
AFTER_PRETRAINING = {
    *("extract_features", "predict_zero_shot", "finetune_lvef", "finetune_diagnosis", "predict_cmr"),
    "evaluate_retrieval",
    *(AFTER_LVEF | AFTER_DIAGNOSES),
}
AFTER_STUDIES = AFTER_PRETRAINING | {
    *("build_cmr_cohort", "tabulate_cmr_cohort", "plot_cmr_cohort_flow", "pretrain_cmr"),
}
AFTER_CONVERSION = AFTER_STUDIES | {"write_cmr_intake_report"}
CMR_PUBLISHED = {
    *("tabulate_cmr_cohort", "tabulate_cmr", "plot_lvef", "plot_lvef_ratios", "plot_diagnoses"),
    "plot_cmr_cohort_flow",
}

# Setting -> another value, and the rules planned beside LAST and DEVIATIONS.
RERUNS = {
    "echo.deidentify.jpeg_quality": ("90", AFTER_VIDEOS | {"deidentify_echo", "write_intake_report", RECORD}),
    "echo.views.frames": ("5", AFTER_VIDEOS),
    "echo.clips.short": ("pad", AFTER_CLIPS | {"preprocess_clips"}),
    "echo.cohort.external_years": ("[2021, 2022]", AFTER_CLIPS),
    "echo.pretrain.epochs.echoclr": (
        "2",
        AFTER_PREDICTION | {"pretrain_echo", "finetune_echo", "predict_echo"},
    ),
    "echo.finetune.max_epochs": ("2", AFTER_ECHO_PRETRAINING),
    "echo.finetune.ratios": (
        "[0.5, 0.75, 1.0]",
        AFTER_SOME_PREDICTION | {"draw_subsets", "finetune_echo", "predict_echo", RECORD},
    ),
    "echo.finetune.search_up_to": ("0.1", AFTER_SOME_PREDICTION | {"predict_echo", RECORD}),
    "echo.predict.clips_per_video": ("2", AFTER_PREDICTION | {"predict_echo"}),
    "echo.evaluation.bootstrap_samples": ("300", AFTER_EVALUATION),
    "echo.evaluation.target_sensitivity": ("0.8", {"evaluate_operating_points", "tabulate_evaluation"}),
    "echo.evaluation.subgroups": ("[sex]", {"evaluate_subgroups", "tabulate_evaluation"}),
    "echo.evaluation.min_cell": ("5", PUBLISHED | {"write_intake_report"}),
    "cmr.studies.size": ("40", AFTER_CONVERSION | {"convert_studies", RECORD}),
    "cmr.views.min_confidence": ("0.6", AFTER_CONVERSION | {"map_series", "convert_studies"}),
    "cmr.text.max_tokens": ("64", AFTER_STUDIES | {"tokenize_reports", "label_reports"}),
    "cmr.text.labels.uncertain": ("negative", AFTER_STUDIES | {"label_reports"}),
    "cmr.cohort.pretraining": ("0.5", AFTER_STUDIES),
    "cmr.pretrain.temperature": ("0.1", AFTER_PRETRAINING | {"pretrain_cmr"}),
    "cmr.lvef.max_steps": ("5", AFTER_LVEF | {"finetune_lvef", "predict_cmr"}),
    "cmr.lvef.ratios": ("[0.5, 1.0]", AFTER_LVEF | {"finetune_lvef", "predict_cmr", RECORD}),
    "cmr.diagnoses.epochs": ("2", AFTER_DIAGNOSES | {"finetune_diagnosis", "predict_cmr"}),
    "cmr.evaluation.bootstrap_samples": ("300", AFTER_LVEF),
    "cmr.evaluation.target_specificity": ("0.8", {"evaluate_cmr_operating_points", "tabulate_cmr"}),
    "cmr.evaluation.min_cell": ("5", CMR_PUBLISHED | {"write_cmr_intake_report"}),
    "execution.save_minutes": ("5", set()),
}

# A stage asked for again by `--forcerun`, and what follows it.
STAGES = {
    "deidentify_echo": AFTER_VIDEOS | {"write_intake_report"},
    "build_cohort": AFTER_CLIPS,
    "pretrain_echo": AFTER_ECHO_PRETRAINING,
    "predict_echo": AFTER_PREDICTION,
    "evaluate_echo": AFTER_EVALUATION,
    "convert_studies": AFTER_CONVERSION,
    "label_reports": AFTER_STUDIES,
    "pretrain_cmr": AFTER_PRETRAINING,
    "finetune_diagnosis": AFTER_DIAGNOSES | {"predict_cmr"},
    "evaluate_lvef": AFTER_LVEF,
}


def to_config(key, value):
    """A setting as Snakemake's `--config` takes it."""
    section, *names = key.split(".")
    for name in reversed(names):
        value = f"{{{name}: {value}}}"
    return f"{section}={value}"


def test_a_finished_run_has_nothing_to_do(micro):
    assert micro.planned() == {}


@pytest.mark.parametrize("key", RERUNS)
def test_a_changed_setting_reruns_what_reads_it_and_what_follows(micro, key):
    value, rules = RERUNS[key]
    planned = set(micro.planned("--config", to_config(key, value)))
    assert planned == rules | LAST | DEVIATIONS[key.split(".")[0]]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_asked_for_again_reruns_and_what_follows(micro, stage):
    assert set(micro.planned("--forcerun", stage)) == STAGES[stage] | {stage} | LAST


def test_two_settings_at_once_rerun_what_both_do(micro):
    settings = "echo={finetune: {ratios: [0.5, 0.75, 1.0], max_epochs: 2}}"
    planned = micro.planned("--config", settings)
    # Two tasks, two inits; two rates at ratio 0.5, one at the others.
    assert planned["finetune_echo"] == 2 * 2 * (2 + 1 + 1)
    assert planned["draw_subsets"] == 1


def test_one_stage_alone(micro):
    assert set(micro.planned("--until", "classify_views", "--forcerun", "classify_views")) == {
        *("classify_views", "total")
    }
    assert set(micro.planned("evaluate", "--forcerun", "predict_echo")) == {
        *("predict_echo", "evaluate_echo", "evaluate_operating_points", "evaluate_calibration"),
        *("evaluate_subgroups", "evaluate", "total"),
    }


def test_the_page_of_recipes_shows_this_table():
    rows = re.findall(r"^\| `([\w.]+)` \| (.*) \|$", RECIPES.read_text(), flags=re.MULTILINE)
    shown = {key: set(re.findall(r"`(\w+)`", rules)) for key, rules in rows if key in RERUNS}
    # Tables and figures follow whatever they show; the page says so once.
    assert shown == {
        key: {rule for rule in rules if not rule.startswith(("tabulate_", "plot_"))}
        for key, (_, rules) in RERUNS.items()
    }
