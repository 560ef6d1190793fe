# Reporting: the paper's tables and figures, without small counts of people.
# in:  echo/cohort/*, echo/evaluation/*.csv, echo/predictions/<task>/<init>/<ratio>.csv (curves)
# out: echo/tables/*.csv, echo/figures/*.svg


localrules:
    tabulate_cohort,
    tabulate_results,
    tabulate_evaluation,
    tabulate_deviations,
    plot_results,
    plot_curves,
    plot_calibration,
    plot_cohort_flow,


rule tabulate_cohort:
    input:
        signed=sign_off(),
        splits="<results>/echo/cohort/splits.csv",
    output:
        report(
            "<results>/echo/tables/table_s1.csv",
            category="EchoCLR",
            subcategory="Tables",
            labels={"table": "S1 cohort", "task": "", "metric": ""},
            caption="../report/table_s1.rst",
        ),
    log:
        "<results>/logs/tabulate_cohort.log",
    benchmark:
        "<results>/benchmarks/tabulate_cohort.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        min_cell=ECHO.evaluation.min_cell,
    shell:
        "python -m cineclr tabulate-cohort --splits {input.splits:q} --min-cell {params.min_cell}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule tabulate_results:
    input:
        signed=sign_off(),
        evaluation="<results>/echo/evaluation/{task}.csv",
        subsets="<models>/echo/cohort/subsets.csv",
    output:
        report(
            "<results>/echo/tables/table_{number}_{task}.csv",
            category="EchoCLR",
            subcategory="Tables",
            labels={"table": "{number} results", "task": "{task}", "metric": ""},
            caption="../report/table_results.rst",
        ),
    log:
        "<results>/logs/tabulate_results/{number}_{task}.log",
    benchmark:
        "<results>/benchmarks/tabulate_results/{number}_{task}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        inits=ECHO.finetune.inits,
        note=describe_departures(ECHO_PAPER, ECHO),
        missing_note="not run: no Kinetics-400 weights at hand (echo.encoder.kinetics400: none)",
        min_cell=ECHO.evaluation.min_cell,
        resample=ECHO.evaluation.resample,  # for the caption
    shell:
        "python -m cineclr tabulate-results --evaluation {input.evaluation:q} --subsets {input.subsets:q}"
        " --inits {params.inits} --note {params.note:q} --missing-note {params.missing_note:q}"
        " --min-cell {params.min_cell} --output {output:q} 2>&1 | tee {log:q}"


rule tabulate_evaluation:
    input:
        signed=sign_off(),
        evaluation="<results>/echo/evaluation/{evaluation}_{task}.csv",
    output:
        report(
            "<results>/echo/tables/{evaluation}_{task}.csv",
            category="EchoCLR",
            subcategory="Tables",
            labels={"table": "{evaluation}", "task": "{task}", "metric": ""},
            caption="../report/table_evaluation.rst",
        ),
    log:
        "<results>/logs/tabulate_evaluation/{evaluation}_{task}.log",
    benchmark:
        "<results>/benchmarks/tabulate_evaluation/{evaluation}_{task}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        min_cell=ECHO.evaluation.min_cell,
        confidence=ECHO.evaluation.confidence,  # for the caption, as resample
        resample=ECHO.evaluation.resample,
    shell:
        "python -m cineclr tabulate-evaluation --evaluation {input.evaluation:q}"
        " --min-cell {params.min_cell} --output {output:q} 2>&1 | tee {log:q}"


rule plot_results:
    input:
        signed=sign_off(),
        table=lambda wildcards: results_table(wildcards.task),
    output:
        svg=report(
            "<results>/echo/figures/{kind}_{task}_{metric}.svg",
            category="EchoCLR",
            subcategory="Figures",
            labels={"table": "{kind}", "task": "{task}", "metric": "{metric}"},
            caption="../report/figure_results.rst",
        ),
        png="<results>/echo/figures/{kind}_{task}_{metric}.png",
    log:
        "<results>/logs/plot_results/{kind}_{task}_{metric}.log",
    benchmark:
        "<results>/benchmarks/plot_results/{kind}_{task}_{metric}.tsv"
    conda:
        "../../envs/tables.yaml"
    shell:
        "python -m cineclr plot-results --table {input.table:q} --kind {wildcards.kind}"
        " --metric {wildcards.metric} --task {wildcards.task} --svg {output.svg:q}"
        " --png {output.png:q} 2>&1 | tee {log:q}"


rule plot_curves:
    input:
        signed=sign_off(),
        predictions=predictions([LARGEST]),
        evaluation="<results>/echo/evaluation/{task}.csv",
        splits="<results>/echo/cohort/splits.csv",
    output:
        svg=report(
            "<results>/echo/figures/curves_{task}.svg",
            category="EchoCLR",
            subcategory="Figures",
            labels={"table": "ROC and PR curves", "task": "{task}", "metric": ""},
            caption="../report/figure_curves.rst",
        ),
        png="<results>/echo/figures/curves_{task}.png",
    log:
        "<results>/logs/plot_curves/{task}.log",
    benchmark:
        "<results>/benchmarks/plot_curves/{task}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        ratio=LARGEST,
        settings=slice_of(ECHO.evaluation, "confidence", "resample", "min_cell"),
        seed=CONFIG.seed,
    shell:
        "python -m cineclr plot-curves --task {wildcards.task} --predictions {input.predictions:q}"
        " --evaluation {input.evaluation:q} --splits {input.splits:q} --ratio {params.ratio}"
        " --settings {params.settings:q} --seed {params.seed} --svg {output.svg:q}"
        " --png {output.png:q} 2>&1 | tee {log:q}"


rule plot_calibration:
    input:
        signed=sign_off(),
        curve="<results>/echo/evaluation/calibration_curve_{task}.csv",
    output:
        svg=report(
            "<results>/echo/figures/calibration_{task}.svg",
            category="EchoCLR",
            subcategory="Figures",
            labels={"table": "calibration", "task": "{task}", "metric": ""},
            caption="../report/figure_calibration.rst",
        ),
        png="<results>/echo/figures/calibration_{task}.png",
    log:
        "<results>/logs/plot_calibration/{task}.log",
    benchmark:
        "<results>/benchmarks/plot_calibration/{task}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        min_cell=ECHO.evaluation.min_cell,
    shell:
        "python -m cineclr plot-calibration --curve {input.curve:q} --task {wildcards.task}"
        " --min-cell {params.min_cell} --svg {output.svg:q} --png {output.png:q} 2>&1 | tee {log:q}"


rule plot_cohort_flow:
    input:
        signed=sign_off(),
        flow="<results>/echo/cohort/flow.json",
    output:
        svg=report(
            "<results>/echo/figures/cohort_flow.svg",
            category="EchoCLR",
            subcategory="Figures",
            labels={"table": "cohort flow", "task": "", "metric": ""},
            caption="../report/cohort_flow.rst",
        ),
        png="<results>/echo/figures/cohort_flow.png",
    log:
        "<results>/logs/plot_cohort_flow.log",
    benchmark:
        "<results>/benchmarks/plot_cohort_flow.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        min_cell=ECHO.evaluation.min_cell,
    shell:
        "python -m cineclr plot-cohort-flow --flow {input.flow:q} --min-cell {params.min_cell}"
        " --svg {output.svg:q} --png {output.png:q} 2>&1 | tee {log:q}"


rule tabulate_deviations:
    output:
        report(
            "<results>/echo/tables/deviations.csv",
            category="EchoCLR",
            subcategory="Tables",
            labels={"table": "deviations", "task": "", "metric": ""},
            caption="../report/deviations.rst",
        ),
    log:
        "<results>/logs/tabulate_deviations.log",
    benchmark:
        "<results>/benchmarks/tabulate_deviations.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        settings=slice_of(ECHO),
    shell:
        "python -m cineclr tabulate-deviations --settings {params.settings:q} --output {output:q}"
        " 2>&1 | tee {log:q}"


# Models and predictions are asked for by name too, as in `evaluate`.
rule echo_tables:
    input:
        "<results>/echo/tables/table_s1.csv",
        "<results>/echo/tables/deviations.csv",
        [results_table(task) for task in ECHO.finetune.tasks],
        evaluation_tables(),
        rules.predict.input,


rule echo_figures:
    input:
        result_figures(),
        evaluation_figures(),
        "<results>/echo/figures/cohort_flow.svg",
        rules.predict.input,


rule echo:
    input:
        "<results>/intake/intake_report.html",
        rules.echo_tables.input,
        rules.echo_figures.input,
