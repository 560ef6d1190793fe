# Evaluation: statistics of the predictions.
# in:  echo/cohort/splits.csv, echo/predictions/<task>/<init>/<ratio>.csv
# out: echo/evaluation/*.csv (all numbers)


localrules:
    evaluate_echo,
    evaluate_operating_points,
    evaluate_calibration,
    evaluate_subgroups,


rule evaluate_echo:
    input:
        predictions=predictions(ECHO.finetune.ratios),
        splits="<results>/echo/cohort/splits.csv",
    output:
        "<results>/echo/evaluation/{task}.csv",
    log:
        "<results>/logs/evaluate_echo/{task}.log",
    benchmark:
        "<results>/benchmarks/evaluate_echo/{task}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        settings=slice_of(
            ECHO.evaluation,
            *("bootstrap_samples", "test_samples", "confidence", "resample"),
        ),
        # A further ratio or init adds inputs, which alone would not make a finished evaluation run again.
        grid=[trained_inits(), ECHO.finetune.ratios],
        seed=CONFIG.seed,
    shell:
        "python -m cineclr evaluate-echo --task {wildcards.task} --predictions {input.predictions:q}"
        " --splits {input.splits:q} --settings {params.settings:q} --seed {params.seed}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule evaluate_operating_points:
    input:
        predictions=predictions(ECHO.finetune.ratios),
        # Thresholds are chosen where the models were, never on the cohort that tests them.
        validation=predictions(ECHO.finetune.ratios, run="<models>"),
    output:
        "<results>/echo/evaluation/operating_points_{task}.csv",
    log:
        "<results>/logs/evaluate_operating_points/{task}.log",
    benchmark:
        "<results>/benchmarks/evaluate_operating_points/{task}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        settings=slice_of(
            ECHO.evaluation,
            *("target_sensitivity", "target_specificity", "confidence", "resample"),
        ),
        grid=[trained_inits(), ECHO.finetune.ratios],
    shell:
        "python -m cineclr evaluate-operating-points --task {wildcards.task}"
        " --predictions {input.predictions:q} --validation {input.validation:q}"
        " --settings {params.settings:q} --output {output:q} 2>&1 | tee {log:q}"


rule evaluate_calibration:
    input:
        predictions=predictions([LARGEST]),
    output:
        table="<results>/echo/evaluation/calibration_{task}.csv",
        curve="<results>/echo/evaluation/calibration_curve_{task}.csv",
    log:
        "<results>/logs/evaluate_calibration/{task}.log",
    benchmark:
        "<results>/benchmarks/evaluate_calibration/{task}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        settings=slice_of(ECHO.evaluation, "confidence", "resample"),
        grid=[trained_inits(), LARGEST],
        seed=CONFIG.seed,
    shell:
        "python -m cineclr evaluate-calibration --task {wildcards.task}"
        " --predictions {input.predictions:q} --settings {params.settings:q} --seed {params.seed}"
        " --output {output.table:q} --curve {output.curve:q} 2>&1 | tee {log:q}"


rule evaluate_subgroups:
    input:
        predictions=predictions([LARGEST]),
        splits="<results>/echo/cohort/splits.csv",
    output:
        "<results>/echo/evaluation/subgroups_{task}.csv",
    log:
        "<results>/logs/evaluate_subgroups/{task}.log",
    benchmark:
        "<results>/benchmarks/evaluate_subgroups/{task}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        settings=slice_of(
            ECHO.evaluation, *("subgroups", "age_bands", "confidence", "resample")
        ),
        grid=[trained_inits(), LARGEST],
    shell:
        "python -m cineclr evaluate-subgroups --task {wildcards.task}"
        " --predictions {input.predictions:q} --splits {input.splits:q}"
        " --settings {params.settings:q} --output {output:q} 2>&1 | tee {log:q}"


# Models and predictions are asked for by name too: to Snakemake a missing file that only a finished table
# needs is no reason to run, so a further ratio or learning rate would go unnoticed.
rule evaluate:
    input:
        expand("<results>/echo/evaluation/{task}.csv", task=ECHO.finetune.tasks),
        expand(
            "<results>/echo/evaluation/{evaluation}_{task}.csv",
            evaluation=["operating_points", "calibration", "subgroups"],
            task=ECHO.finetune.tasks,
        ),
        rules.predict.input,
