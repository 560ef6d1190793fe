# Cardiac MRI, cohort: who is in, and in which part.
# in:  private/<run>/cmr/{sheet,labels,sentences}.parquet; cmr/studies/shard_*
# out: cmr/cohort/splits.csv, files.parquet (every file in one bucket), flow.json


localrules:
    import_cmr_sheet,
    build_cmr_cohort,


rule import_cmr_sheet:
    input:
        sources=require_sources,
    output:
        "<private>/cmr/sheet.parquet",
    log:
        "<results>/logs/import_cmr_sheet.log",
    benchmark:
        "<results>/benchmarks/import_cmr_sheet.tsv"
    priority: 100
    conda:
        "../../envs/tables.yaml"
    params:
        private=private_side,
    shell:
        "python -m cineclr import-cmr-sheet --private {params.private:q} --output {output:q} 2>&1 | tee {log:q}"


rule build_cmr_cohort:
    input:
        sheet="<private>/cmr/sheet.parquet",
        scan="<results>/cmr/intake/scan.parquet",
        manifests=study_shards("<results>/cmr/studies/shard_{shard}.parquet"),
        studies=study_shards("<results>/cmr/studies/shard_{shard}"),
        sentences="<private>/cmr/sentences.parquet",
        labels="<private>/cmr/labels.parquet",
        learned=learned_cohort("cmr"),
    output:
        splits="<results>/cmr/cohort/splits.csv",
        files="<results>/cmr/cohort/files.parquet",
        flow="<results>/cmr/cohort/flow.json",
    log:
        "<results>/logs/build_cmr_cohort.log",
    benchmark:
        "<results>/benchmarks/build_cmr_cohort.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        settings=slice_of(CMR.cohort),
        tasks=CMR.diagnoses.tasks,
        seed=CONFIG.seed,
    shell:
        "python -m cineclr build-cmr-cohort --sheet {input.sheet:q} --scan {input.scan:q}"
        " --manifests {input.manifests:q} --converted {input.studies:q}"
        " --tokens-of {input.sentences:q} --labels {input.labels:q} --learned {input.learned:q}"
        " --settings {params.settings:q} --tasks {params.tasks} --seed {params.seed}"
        " --splits {output.splits:q} --files {output.files:q} --flow {output.flow:q} 2>&1 | tee {log:q}"
