# CineCLR: from hospital DICOM and report text to the tables and figures of two papers.
# The contents page; what goes in and what comes out stands at the top of each rule file.

from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


# Used by `--sdm apptainer` only.
container: f"{workflow.basedir}/envs/cineclr.sif"


include: "workflow/rules/common.smk"


pathvars:
    results=RESULTS,
    private=PRIVATE,
    models=MODELS,


include: "workflow/rules/echo_common.smk"
include: "workflow/rules/cmr_common.smk"
include: "workflow/rules/frozen_common.smk"
include: "workflow/rules/demo.smk"
include: "workflow/rules/echo_intake.smk"
include: "workflow/rules/echo_views.smk"
include: "workflow/rules/echo_cohort.smk"
include: "workflow/rules/echo_training.smk"
include: "workflow/rules/echo_evaluation.smk"
include: "workflow/rules/echo_reporting.smk"
include: "workflow/rules/cmr_intake.smk"
include: "workflow/rules/cmr_text.smk"
include: "workflow/rules/cmr_cohort.smk"
include: "workflow/rules/cmr_training.smk"
include: "workflow/rules/cmr_reporting.smk"
include: "workflow/rules/frozen.smk"
include: "workflow/rules/handover.smk"
include: "workflow/rules/report.smk"


rule all:
    input:
        rules.write_report.input,
        rules.write_report.output,
