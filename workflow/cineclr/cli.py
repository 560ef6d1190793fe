"""One command line: a table from command to function; the function's signature is the command's interface."""

import argparse
import importlib
import inspect
import json
import logging
import os
import sys
import traceback
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from cineclr import __version__
from cineclr.config.base import parse_settings
from cineclr.errors import InputError

# In the order in which data passes through.
COMMANDS: dict[str, str] = {
    "init": "cineclr.private:init",
    "check": "cineclr.check:check",
    "plan": "cineclr.operation.plan:plan",
    "measure-speed": "cineclr.operation.speed:measure_speed",
    "status": "cineclr.operation.status:status",
    "verify": "cineclr.operation.verify:verify",
    "check-sources": "cineclr.check:check_sources",
    "describe-node": "cineclr.operation.node:describe_node",
    "make-demo-hospital": "cineclr.demo.hospital:make_demo_hospital",
    "list-files": "cineclr.intake.files.listing:list_files",
    "scan-dicom": "cineclr.intake.scan:scan_dicom",
    "index-studies": "cineclr.intake.index:index_studies",
    "deidentify-echo": "cineclr.intake.echo.deidentify:deidentify_echo",
    "review-quarantine": "cineclr.intake.residual_text.review:review_quarantine",
    "review-sample": "cineclr.intake.residual_text.sign_off:review_sample",
    "sign-off-clips": "cineclr.intake.residual_text.sign_off:sign_off_clips",
    "write-dicom": "cineclr.intake.echo.dicom_out:write_dicom",
    "describe-scan": "cineclr.intake.contents:describe_scan",
    "write-intake-report": "cineclr.reporting.intake_report:write_intake_report",
    "import-sheet": "cineclr.cohort.sheet:import_sheet",
    "import-view-classifier": "cineclr.views.classifier:import_view_classifier",
    "train-view-classifier": "cineclr.views.train:train_view_classifier",
    "classify-views": "cineclr.views.classifier:classify_views",
    "preprocess-clips": "cineclr.video.clips:preprocess_clips",
    "build-cohort": "cineclr.cohort.build:build_cohort",
    "draw-subsets": "cineclr.cohort.subsets:draw_subsets",
    "import-kinetics": "cineclr.models.weights:import_kinetics",
    "pretrain-echo": "cineclr.training.pretrain:pretrain_echo",
    "finetune-echo": "cineclr.training.finetune:finetune_echo",
    "record-models": "cineclr.frozen:record_models",
    "predict-echo": "cineclr.training.predict:predict_echo",
    # The second paper.
    "scan-cmr": "cineclr.intake.cmr.scan:scan_cmr",
    "index-cmr": "cineclr.intake.cmr.index:index_cmr",
    "map-series": "cineclr.views.series:map_series",
    "convert-studies": "cineclr.intake.cmr.convert:convert_studies",
    "import-studies": "cineclr.intake.cmr.raw:import_studies",
    "import-cmr-sheet": "cineclr.cohort.cmr.sheet:import_cmr_sheet",
    "import-reports": "cineclr.text.reports:import_reports",
    "import-splitter": "cineclr.text.splitter:import_splitter",
    "train-splitter": "cineclr.text.splitter:train_splitter",
    "import-text-encoder": "cineclr.text.encoder:import_text_encoder",
    "tokenize-reports": "cineclr.text.tokens:tokenize_reports",
    "label-reports": "cineclr.text.labels.label:label_reports",
    "build-cmr-cohort": "cineclr.cohort.cmr.build:build_cmr_cohort",
    "import-cmr-weights": "cineclr.models.keys:import_cmr_weights",
    "pretrain-cmr": "cineclr.training.cmr.pretrain:pretrain_cmr",
    "extract-features": "cineclr.training.cmr.features:extract_features",
    "finetune-lvef": "cineclr.training.cmr.finetune:finetune_lvef",
    "finetune-diagnosis": "cineclr.training.cmr.finetune:finetune_diagnosis",
    "predict-cmr": "cineclr.training.cmr.predict:predict_cmr",
    "predict-zero-shot": "cineclr.training.cmr.zero_shot:predict_zero_shot",
    "evaluate-retrieval": "cineclr.training.cmr.retrieval:evaluate_retrieval",
    "evaluate-lvef": "cineclr.reporting.cmr.lvef:evaluate_lvef",
    "evaluate-diagnoses": "cineclr.reporting.cmr.diagnoses:evaluate_diagnoses",
    "evaluate-cmr-operating-points": "cineclr.reporting.cmr.operating_points:evaluate_cmr_operating_points",
    "tabulate-cmr-cohort": "cineclr.reporting.cmr.tables:tabulate_cmr_cohort",
    "tabulate-cmr-deviations": "cineclr.reporting.deviations:tabulate_cmr_deviations",
    "tabulate-cmr": "cineclr.reporting.cmr.tables:tabulate_cmr",
    "plot-lvef": "cineclr.reporting.cmr.figures:plot_lvef",
    "plot-lvef-ratios": "cineclr.reporting.cmr.figures:plot_lvef_ratios",
    "plot-diagnoses": "cineclr.reporting.cmr.figures:plot_diagnoses",
    # Statistics, tables and figures of the first.
    "evaluate-echo": "cineclr.reporting.evaluate:evaluate_echo",
    "evaluate-operating-points": "cineclr.reporting.operating_points:evaluate_operating_points",
    "evaluate-calibration": "cineclr.reporting.calibration:evaluate_calibration",
    "evaluate-subgroups": "cineclr.reporting.subgroups:evaluate_subgroups",
    "tabulate-cohort": "cineclr.reporting.tables:tabulate_cohort",
    "tabulate-deviations": "cineclr.reporting.deviations:tabulate_deviations",
    "tabulate-results": "cineclr.reporting.tables:tabulate_results",
    "tabulate-evaluation": "cineclr.reporting.tables:tabulate_evaluation",
    "compare-annotators": "cineclr.reporting.annotators:compare_annotators",
    "compare-runs": "cineclr.reporting.runs:compare_runs",
    "plot-results": "cineclr.reporting.figures.efficiency:plot_results",
    "plot-cohort-flow": "cineclr.reporting.figures.flow:plot_cohort_flow",
    "plot-curves": "cineclr.reporting.figures.curves:plot_curves",
    "plot-calibration": "cineclr.reporting.figures.calibration:plot_calibration",
    "write-report": "cineclr.reporting.run_report:write_report",
    "summarize": "cineclr.reporting.summary:summarize",
    # On a user's own videos, studies, labels and predictions.
    "validate-hdf5": "cineclr.video.hdf5:validate_hdf5",
    "write-sample-hdf5": "cineclr.video.sample:write_sample_hdf5",
    "review-labels": "cineclr.text.labels.review:review_labels",
    "score-labels": "cineclr.text.labels.review:score_labels",
    "predict": "cineclr.training.apply:predict",
    "evaluate-predictions": "cineclr.reporting.compare:evaluate_predictions",
    "evaluate-regression": "cineclr.reporting.regression:evaluate_regression",
    "sample-size": "cineclr.reporting.sample_size:sample_size",
    "plot-forest": "cineclr.reporting.figures.forest:plot_forest",
    "plot-bland-altman": "cineclr.reporting.figures.bland_altman:plot_bland_altman",
    "write-schema": "cineclr.config:write_schema",
    "hash-weights": "cineclr.models.weights:hash_weights",
    "export-crosswalk": "cineclr.intake.crosswalk:export_crosswalk",
}

# Commands that read the hospital's or a user's own files, which what an unexpected error says may quote.
READS_PRIVATE = (
    "cineclr.intake",
    "cineclr.cohort.sheet",
    "cineclr.cohort.cmr.sheet",
    "cineclr.text",
    "cineclr.private",
    "cineclr.check",
    "cineclr.operation.plan",
    "cineclr.views",
    "cineclr.training.apply",
    "cineclr.reporting.annotators",
    "cineclr.reporting.compare",
    "cineclr.reporting.regression",
    "cineclr.reporting.figures.bland_altman",
)
# Commands that write to the private side: nobody else on the machine may read their files.
WRITES_PRIVATE = (
    *(
        "cineclr.private",
        "cineclr.demo",
        "cineclr.intake.files.listing",
        "cineclr.intake.scan",
        "cineclr.intake.index",
        "cineclr.intake.crosswalk",
        "cineclr.intake.residual_text.review",
        "cineclr.intake.cmr.scan",
        "cineclr.intake.cmr.index",
    ),
    *("cineclr.cohort.sheet", "cineclr.cohort.cmr.sheet", "cineclr.views.series", "cineclr.text.reports"),
    *("cineclr.text.tokens", "cineclr.text.labels"),
)


def load_command(name: str) -> Callable[..., Any]:
    """Import and return the function of a command; nothing else of the package is imported."""
    module, function = COMMANDS[name].split(":")
    return getattr(importlib.import_module(module), function)


def build_parser(name: str, function: Callable[..., Any]) -> argparse.ArgumentParser:
    """Return the argument parser that the typed signature of `function` describes."""
    parser = argparse.ArgumentParser(
        prog=f"cineclr {name}",
        description=inspect.getdoc(function),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    hints = typing.get_type_hints(function)
    for parameter in inspect.signature(function).parameters.values():
        required = parameter.default is inspect.Parameter.empty
        default = None if required else parameter.default
        parser.add_argument(
            f"--{parameter.name.replace('_', '-')}",
            required=required,
            default=default,
            **_argument_of(hints[parameter.name]),
        )
    return parser


def _argument_of(hint: Any) -> dict[str, Any]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is list:
        return {"nargs": "*", **_argument_of(typing.get_args(hint)[0])}
    if typing.get_origin(hint) is typing.Literal:
        return {"choices": typing.get_args(hint)}
    if hint is bool:
        return {"action": argparse.BooleanOptionalAction}
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return {"type": lambda text: parse_settings(hint, json.loads(text)), "metavar": "JSON"}
    return {"type": hint, "metavar": hint.__name__.upper()}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, 1 after an error, or 2 for a wrong command line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["--version"]:
        print(f"cineclr {__version__}")
        return 0
    if not arguments or arguments[0] not in COMMANDS:
        known = "\n  ".join(COMMANDS)
        print(f"usage: cineclr COMMAND [--help] [options]\n\ncommands:\n  {known}", file=sys.stderr)
        return 0 if arguments[:1] in (["--help"], ["-h"]) else 2
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    os.umask(0o077 if COMMANDS[arguments[0]].startswith(WRITES_PRIVATE) else 0o022)
    try:
        function = load_command(arguments[0])
        options = build_parser(arguments[0], function).parse_args(arguments[1:])
        function(**vars(options))
    except InputError as error:
        print(f"cineclr {arguments[0]}: error: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        _print_unexpected(arguments[0], error)
        return 1
    return 0


def _print_unexpected(name: str, error: Exception) -> None:
    """Print where an unexpected error arose; its message only where it cannot quote a patient's data."""
    private = COMMANDS[name].startswith(READS_PRIVATE)
    for frame in traceback.extract_tb(error.__traceback__):
        print(f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}", file=sys.stderr)
    message = "(message withheld: it may quote patient data)" if private else str(error)
    print(f"cineclr {name}: unexpected {type(error).__name__}: {message}", file=sys.stderr)
