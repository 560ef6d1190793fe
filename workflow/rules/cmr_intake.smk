# Cardiac MRI, intake: from the hospital's files to one HDF5 file per study.
# in:  private/<run>/sources.yaml (section cmr), key; the DICOM folders that it names
# out: results/<run>/cmr/intake/scan.parquet (every file, no paths), cmr/studies/shard_*/ (HDF5) and shard_*.parquet
# beside them: <private>/memory, what scans found. It is no output, which Snakemake would remove before a rerun.


localrules:
    list_cmr_files,
    map_series,


rule list_cmr_files:
    input:
        sources=require_sources,
    output:
        "<private>/cmr/files.parquet",
    log:
        "<results>/logs/list_cmr_files.log",
    benchmark:
        "<results>/benchmarks/list_cmr_files.tsv"
    conda:
        "../../envs/imaging.yaml"
    params:
        private=private_side,
        shards=CONFIG.shards.scan,
    shell:
        "python -m cineclr list-files --wing cmr --private {params.private:q} --shards {params.shards}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule scan_cmr:
    input:
        files="<private>/cmr/files.parquet",
    output:
        "<private>/cmr/scan/shard_{shard}.parquet",
    log:
        "<results>/logs/scan_cmr/{shard}.log",
    benchmark:
        "<results>/benchmarks/scan_cmr/{shard}.tsv"
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=grow(4000),
        runtime=extend(120),
    params:
        private=private_side,
    shell:
        "python -m cineclr scan-cmr --private {params.private:q} --files {input.files:q}"
        " --shard {wildcards.shard} --output {output:q} 2>&1 | tee {log:q}"


rule index_cmr:
    input:
        scan=scan_shards("<private>/cmr/scan/shard_{shard}.parquet"),
    output:
        index=study_shards("<private>/cmr/index/shard_{shard}.parquet"),
        series="<private>/cmr/series.parquet",
        ledger="<results>/cmr/intake/scan.parquet",
    log:
        "<results>/logs/index_cmr.log",
    benchmark:
        "<results>/benchmarks/index_cmr.tsv"
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=grow_with_input(4000, 20),
    params:
        private=private_side,
    shell:
        "python -m cineclr index-cmr --private {params.private:q} --scan {input.scan:q}"
        " --output {output.index:q} --series {output.series:q} --ledger {output.ledger:q}"
        " 2>&1 | tee {log:q}"


rule map_series:
    input:
        series="<private>/cmr/series.parquet",
    output:
        views=study_shards("<private>/cmr/views/shard_{shard}.parquet"),
        unmapped="<private>/cmr/unmapped_series.csv",
    log:
        "<results>/logs/map_series.log",
    benchmark:
        "<results>/benchmarks/map_series.tsv"
    conda:
        "../../envs/imaging.yaml"
    params:
        private=private_side,
        settings=slice_of(CMR.views),
    shell:
        "python -m cineclr map-series --private {params.private:q} --series {input.series:q}"
        " --settings {params.settings:q} --output {output.views:q} --unmapped {output.unmapped:q}"
        " 2>&1 | tee {log:q}"


rule convert_studies:
    input:
        index="<private>/cmr/index/shard_{shard}.parquet",
        views="<private>/cmr/views/shard_{shard}.parquet",
    output:
        studies=directory("<results>/cmr/studies/shard_{shard}"),
        manifest="<results>/cmr/studies/shard_{shard}.parquet",
    log:
        "<results>/logs/convert_studies/{shard}.log",
    benchmark:
        "<results>/benchmarks/convert_studies/{shard}.tsv"
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=grow(8000),
        runtime=extend(240),
    params:
        private=private_side,
        settings=slice_of(CMR.studies),
        min_confidence=CMR.views.min_confidence,
    shell:
        "python -m cineclr convert-studies --private {params.private:q} --index {input.index:q}"
        " --views {input.views:q} --shard {wildcards.shard} --settings {params.settings:q}"
        " --min-confidence {params.min_confidence} --studies {output.studies:q}"
        " --output {output.manifest:q} 2>&1 | tee {log:q}"


rule cmr_intake:
    input:
        study_shards("<results>/cmr/studies/shard_{shard}.parquet"),
        "<results>/cmr/intake/intake_report.html",
