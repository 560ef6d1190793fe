# Cohort: who is in, in which part, and how large each label-ratio subset is.
# in:  private/<run>/sheets/echo.parquet, intake/scan.parquet, echo/{videos,views,clips}/shard_*.parquet
# out: echo/cohort/splits.csv, files.parquet (every file in one bucket), flow.json, subsets.csv


localrules:
    build_cohort,
    draw_subsets,


rule build_cohort:
    input:
        sheet="<private>/sheets/echo.parquet",
        scan="<results>/intake/scan.parquet",
        manifests=study_shards("<results>/echo/videos/shard_{shard}.parquet"),
        views=study_shards("<results>/echo/views/shard_{shard}.parquet"),
        clips=study_shards("<results>/echo/clips/shard_{shard}.parquet"),
        learned=learned_cohort("echo"),
        learned_videos=learned_videos,
    output:
        splits="<results>/echo/cohort/splits.csv",
        files="<results>/echo/cohort/files.parquet",
        flow="<results>/echo/cohort/flow.json",
    log:
        "<results>/logs/build_cohort.log",
    benchmark:
        "<results>/benchmarks/build_cohort.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        settings=slice_of(ECHO.cohort),
        seed=CONFIG.seed,
    shell:
        "python -m cineclr build-cohort --sheet {input.sheet:q} --scan {input.scan:q}"
        " --manifests {input.manifests:q} --views {input.views:q} --clips {input.clips:q}"
        " --learned {input.learned:q} --learned-videos {input.learned_videos:q}"
        " --settings {params.settings:q} --seed {params.seed} --splits {output.splits:q}"
        " --files {output.files:q} --flow {output.flow:q} 2>&1 | tee {log:q}"


rule draw_subsets:
    input:
        splits="<results>/echo/cohort/splits.csv",
    output:
        "<results>/echo/cohort/subsets.csv",
    log:
        "<results>/logs/draw_subsets.log",
    benchmark:
        "<results>/benchmarks/draw_subsets.tsv"
    priority: 100
    conda:
        "../../envs/tables.yaml"
    params:
        tasks=ECHO.finetune.tasks,
        ratios=ECHO.finetune.ratios,
        seed=CONFIG.seed,
    shell:
        "python -m cineclr draw-subsets --splits {input.splits:q} --tasks {params.tasks}"
        " --ratios {params.ratios} --seed {params.seed} --output {output:q} 2>&1 | tee {log:q}"
