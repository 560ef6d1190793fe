# Intake: from the hospital's files to de-identified videos.
# in:  private/<run>/sources.yaml, key; the DICOM folders and the sheet that it names
# out: results/<run>/intake/scan.parquet (every file, no paths), echo/videos/shard_*/ (AVI) and shard_*.parquet;
#      private/<run>/quarantine/shard_*/ (clips that wait for a decision) and shard_*.parquet
# beside them: <private>/memory, what scans found. It is no output, which Snakemake would remove before a rerun.


localrules:
    list_files,
    import_sheet,
    sign_off_clips,


rule import_sheet:
    input:
        sources=require_sources,
    output:
        "<private>/sheets/echo.parquet",
    log:
        "<results>/logs/import_sheet.log",
    benchmark:
        "<results>/benchmarks/import_sheet.tsv"
    priority: 100
    conda:
        "../../envs/tables.yaml"
    params:
        private=private_side,
    shell:
        "python -m cineclr import-sheet --private {params.private:q} --output {output:q} 2>&1 | tee {log:q}"


rule list_files:
    input:
        sources=require_sources,
    output:
        "<private>/files.parquet",
    log:
        "<results>/logs/list_files.log",
    benchmark:
        "<results>/benchmarks/list_files.tsv"
    conda:
        "../../envs/imaging.yaml"
    params:
        private=private_side,
        shards=CONFIG.shards.scan,
    shell:
        "python -m cineclr list-files --private {params.private:q} --shards {params.shards}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule scan_dicom:
    input:
        files="<private>/files.parquet",
    output:
        "<private>/scan/shard_{shard}.parquet",
    log:
        "<results>/logs/scan_dicom/{shard}.log",
    benchmark:
        "<results>/benchmarks/scan_dicom/{shard}.tsv"
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=grow(4000),
        runtime=extend(120),
    params:
        private=private_side,
    shell:
        "python -m cineclr scan-dicom --private {params.private:q} --files {input.files:q}"
        " --shard {wildcards.shard} --output {output:q} 2>&1 | tee {log:q}"


rule index_studies:
    input:
        scan=scan_shards("<private>/scan/shard_{shard}.parquet"),
    output:
        index=study_shards("<private>/index/shard_{shard}.parquet"),
        ledger="<results>/intake/scan.parquet",
    log:
        "<results>/logs/index_studies.log",
    benchmark:
        "<results>/benchmarks/index_studies.tsv"
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=grow_with_input(4000, 20),
    params:
        private=private_side,
    shell:
        "python -m cineclr index-studies --private {params.private:q} --scan {input.scan:q}"
        " --output {output.index:q} --ledger {output.ledger:q} 2>&1 | tee {log:q}"


rule deidentify_echo:
    input:
        index="<private>/index/shard_{shard}.parquet",
        decisions=decisions,
    output:
        videos=directory("<results>/echo/videos/shard_{shard}"),
        manifest="<results>/echo/videos/shard_{shard}.parquet",
        quarantine=directory("<private>/quarantine/shard_{shard}"),
        hits="<private>/quarantine/shard_{shard}.parquet",
    log:
        "<results>/logs/deidentify_echo/{shard}.log",
    benchmark:
        "<results>/benchmarks/deidentify_echo/{shard}.tsv"
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=grow(8000),
        runtime=extend(240),
    params:
        private=private_side,
        settings=deidentify_slice,
    shell:
        "python -m cineclr deidentify-echo --private {params.private:q} --index {input.index:q}"
        " --shard {wildcards.shard} --settings {params.settings:q} --videos {output.videos:q}"
        " --output {output.manifest:q} 2>&1 | tee {log:q}"


# A person has looked at a random sample of the clips; early, so that no training waits for it.
rule sign_off_clips:
    input:
        manifests=study_shards("<results>/echo/videos/shard_{shard}.parquet"),
        sheet=sign_off_sheet,
    output:
        "<results>/intake/signed_off.json",
    log:
        "<results>/logs/sign_off_clips.log",
    benchmark:
        "<results>/benchmarks/sign_off_clips.tsv"
    priority: 100
    conda:
        "../../envs/imaging.yaml"
    params:
        private=private_side,
        results=results_side,
        clips=ECHO.deidentify.sign_off,
        seed=CONFIG.seed,
    shell:
        "python -m cineclr sign-off-clips --private {params.private:q} --results {params.results:q}"
        " --manifests {input.manifests:q} --clips {params.clips} --seed {params.seed}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule intake:
    input:
        study_shards("<results>/echo/videos/shard_{shard}.parquet"),
        "<results>/intake/intake_report.html",
