# Cardiac MRI, reporting: statistics, the second paper's tables and figures.
# in:  cmr/cohort/*, cmr/predictions/<task>/<init>/<mode>/<ratio>.csv, cmr/finetune/lvef/*/*/*/fit.json
# out: cmr/evaluation/*.csv (all numbers), cmr/tables/*.csv, cmr/figures/*.svg (without small counts of people)


localrules:
    evaluate_lvef,
    evaluate_diagnoses,
    evaluate_cmr_operating_points,
    tabulate_cmr_cohort,
    tabulate_cmr,
    tabulate_cmr_deviations,
    plot_lvef,
    plot_lvef_ratios,
    plot_diagnoses,
    plot_cmr_cohort_flow,


rule evaluate_lvef:
    input:
        predictions=lvef_predictions(),
        fits=expand(
            "<models>/cmr/finetune/{target}/{cell}/fit.json",
            target=LVEF,
            cell=cells_of(CMR.lvef),
        ),
    output:
        "<results>/cmr/evaluation/lvef.csv",
    log:
        "<results>/logs/evaluate_lvef.log",
    benchmark:
        "<results>/benchmarks/evaluate_lvef.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        settings=slice_of(
            CMR.evaluation, "confidence", "bootstrap_samples", "lvef_threshold"
        ),
        # A further ratio or init adds inputs, which alone would not make a finished evaluation run again.
        grid=cells_of(CMR.lvef),
        seed=CONFIG.seed,
    shell:
        "python -m cineclr evaluate-lvef --predictions {input.predictions:q} --fits {input.fits:q}"
        " --settings {params.settings:q} --seed {params.seed} --output {output:q} 2>&1 | tee {log:q}"


rule evaluate_diagnoses:
    input:
        predictions=diagnosis_predictions() + zero_shot_predictions(),
    output:
        "<results>/cmr/evaluation/diagnoses.csv",
    log:
        "<results>/logs/evaluate_diagnoses.log",
    benchmark:
        "<results>/benchmarks/evaluate_diagnoses.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        settings=slice_of(CMR.evaluation, "confidence"),
        grid=[CMR.diagnoses.tasks, cells_of(CMR.diagnoses), "zero_shot"],
    shell:
        "python -m cineclr evaluate-diagnoses --predictions {input.predictions:q}"
        " --settings {params.settings:q} --output {output:q} 2>&1 | tee {log:q}"


rule evaluate_cmr_operating_points:
    input:
        predictions=diagnosis_predictions() + zero_shot_predictions(),
        # Thresholds are chosen where the models were, never on the cohort that tests them.
        validation=diagnosis_predictions("<models>")
        + zero_shot_predictions(run="<models>"),
    output:
        "<results>/cmr/evaluation/operating_points.csv",
    log:
        "<results>/logs/evaluate_cmr_operating_points.log",
    benchmark:
        "<results>/benchmarks/evaluate_cmr_operating_points.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        settings=slice_of(
            CMR.evaluation,
            *("confidence", "target_sensitivity"),
            *("target_specificity", "operating_points"),
        ),
        grid=[CMR.diagnoses.tasks, cells_of(CMR.diagnoses), "zero_shot"],
    shell:
        "python -m cineclr evaluate-cmr-operating-points --predictions {input.predictions:q}"
        " --validation {input.validation:q} --settings {params.settings:q} --output {output:q} 2>&1 | tee {log:q}"


rule tabulate_cmr_cohort:
    input:
        splits="<results>/cmr/cohort/splits.csv",
    output:
        report(
            "<results>/cmr/tables/cohort.csv",
            category="Cardiac MRI",
            subcategory="Tables",
            labels={"table": "cohort", "task": "", "metric": ""},
            caption="../report/cmr_cohort.rst",
        ),
    log:
        "<results>/logs/tabulate_cmr_cohort.log",
    benchmark:
        "<results>/benchmarks/tabulate_cmr_cohort.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        min_cell=CMR.evaluation.min_cell,
    shell:
        "python -m cineclr tabulate-cmr-cohort --splits {input.splits:q} --min-cell {params.min_cell}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule tabulate_cmr:
    input:
        evaluation="<results>/cmr/evaluation/{cmr_table}.csv",
    output:
        report(
            "<results>/cmr/tables/{cmr_table}.csv",
            category="Cardiac MRI",
            subcategory="Tables",
            labels={"table": "{cmr_table}", "task": "", "metric": ""},
            caption="../report/cmr_table.rst",
        ),
    log:
        "<results>/logs/tabulate_cmr/{cmr_table}.log",
    benchmark:
        "<results>/benchmarks/tabulate_cmr/{cmr_table}.tsv"
    wildcard_constraints:
        cmr_table="lvef|diagnoses|operating_points",
    conda:
        "../../envs/tables.yaml"
    params:
        inits=lambda wildcards: (
            CMR.lvef if wildcards.cmr_table == "lvef" else CMR.diagnoses
        ).inits,
        note=describe_departures(CMR_PAPER, CMR),
        missing_note="not run: no Kinetics-400 weights at hand (cmr.video_encoder.kinetics400: none)",
        min_cell=CMR.evaluation.min_cell,
        evaluation=told_in_caption,
    shell:
        "python -m cineclr tabulate-cmr --evaluation {input.evaluation:q} --inits {params.inits}"
        " --note {params.note:q} --missing-note {params.missing_note:q} --min-cell {params.min_cell}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule tabulate_cmr_deviations:
    output:
        report(
            "<results>/cmr/tables/deviations.csv",
            category="Cardiac MRI",
            subcategory="Tables",
            labels={"table": "deviations", "task": "", "metric": ""},
            caption="../report/deviations.rst",
        ),
    log:
        "<results>/logs/tabulate_cmr_deviations.log",
    benchmark:
        "<results>/benchmarks/tabulate_cmr_deviations.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        settings=slice_of(CMR),
    shell:
        "python -m cineclr tabulate-cmr-deviations --settings {params.settings:q} --output {output:q}"
        " 2>&1 | tee {log:q}"


rule plot_lvef:
    input:
        predictions=lvef_predictions(),
        table="<results>/cmr/tables/lvef.csv",
    output:
        svg=report(
            "<results>/cmr/figures/bland_altman_{cohort}.svg",
            category="Cardiac MRI",
            subcategory="Figures",
            labels={"table": "Bland-Altman", "task": "lvef", "metric": "{cohort}"},
            caption="../report/cmr_bland_altman.rst",
        ),
        png="<results>/cmr/figures/bland_altman_{cohort}.png",
    log:
        "<results>/logs/plot_lvef/{cohort}.log",
    benchmark:
        "<results>/benchmarks/plot_lvef/{cohort}.tsv"
    conda:
        "../../envs/tables.yaml"
    shell:
        "python -m cineclr plot-lvef --predictions {input.predictions:q} --table {input.table:q}"
        " --cohort {wildcards.cohort:q} --svg {output.svg:q} --png {output.png:q} 2>&1 | tee {log:q}"


rule plot_lvef_ratios:
    input:
        table="<results>/cmr/tables/lvef.csv",
    output:
        svg=report(
            "<results>/cmr/figures/lvef_by_ratio.svg",
            category="Cardiac MRI",
            subcategory="Figures",
            labels={"table": "label efficiency", "task": "lvef", "metric": ""},
            caption="../report/cmr_lvef_by_ratio.rst",
        ),
        png="<results>/cmr/figures/lvef_by_ratio.png",
    log:
        "<results>/logs/plot_lvef_ratios.log",
    benchmark:
        "<results>/benchmarks/plot_lvef_ratios.tsv"
    conda:
        "../../envs/tables.yaml"
    shell:
        "python -m cineclr plot-lvef-ratios --table {input.table:q} --svg {output.svg:q}"
        " --png {output.png:q} 2>&1 | tee {log:q}"


rule plot_diagnoses:
    input:
        table="<results>/cmr/tables/diagnoses.csv",
    output:
        svg=report(
            "<results>/cmr/figures/forest_diagnoses.svg",
            category="Cardiac MRI",
            subcategory="Figures",
            labels={"table": "forest", "task": "diagnoses", "metric": "auroc"},
            caption="../report/cmr_forest.rst",
        ),
        png="<results>/cmr/figures/forest_diagnoses.png",
    log:
        "<results>/logs/plot_diagnoses.log",
    benchmark:
        "<results>/benchmarks/plot_diagnoses.tsv"
    conda:
        "../../envs/tables.yaml"
    shell:
        "python -m cineclr plot-diagnoses --table {input.table:q} --svg {output.svg:q}"
        " --png {output.png:q} 2>&1 | tee {log:q}"


rule plot_cmr_cohort_flow:
    input:
        flow="<results>/cmr/cohort/flow.json",
    output:
        svg=report(
            "<results>/cmr/figures/cohort_flow.svg",
            category="Cardiac MRI",
            subcategory="Figures",
            labels={"table": "cohort flow", "task": "", "metric": ""},
            caption="../report/cohort_flow.rst",
        ),
        png="<results>/cmr/figures/cohort_flow.png",
    log:
        "<results>/logs/plot_cmr_cohort_flow.log",
    benchmark:
        "<results>/benchmarks/plot_cmr_cohort_flow.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        min_cell=CMR.evaluation.min_cell,
    shell:
        "python -m cineclr plot-cohort-flow --flow {input.flow:q} --min-cell {params.min_cell}"
        " --svg {output.svg:q} --png {output.png:q} 2>&1 | tee {log:q}"


# Models and predictions are asked for by name too, as in `echo_tables`.
rule cmr_evaluate:
    input:
        expand(
            "<results>/cmr/evaluation/{table}.csv",
            table=["lvef", "diagnoses", "operating_points"],
        ),
        retrieval_table(),
        rules.cmr_predict.input,


rule cmr_tables:
    input:
        expand(
            "<results>/cmr/tables/{table}.csv",
            table=["cohort", "lvef", "diagnoses", "operating_points", "deviations"],
        ),
        rules.cmr_predict.input,
        retrieval_table(),


rule cmr_figures:
    input:
        expand(
            "<results>/cmr/figures/bland_altman_{cohort}.svg",
            cohort=[
                cohort
                for cohort, role in CMR.cohort.roles.items()
                if role != "zero_shot"
            ],
        ),
        expand(
            "<results>/cmr/figures/{figure}.svg",
            figure=["lvef_by_ratio", "forest_diagnoses", "cohort_flow"],
        ),
        rules.cmr_predict.input,


rule cmr:
    input:
        "<results>/cmr/intake/intake_report.html",
        rules.cmr_tables.input,
        rules.cmr_figures.input,
