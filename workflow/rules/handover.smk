# Handover: what a privacy officer and a recipient get of intake.
# in:  <private>/scan/shard_*.parquet (counted only), intake/scan.parquet, echo/videos/shard_*/, cmr/studies/shard_*/
# out: intake/intake_report.html, cmr/intake/intake_report.html; on request echo/dicom/shard_*/ (DICOM)


localrules:
    describe_scan,
    describe_cmr_scan,
    write_intake_report,
    write_cmr_intake_report,


rule describe_scan:
    input:
        scan=scan_shards("<private>/scan/shard_{shard}.parquet"),
        ledger="<results>/intake/scan.parquet",
    output:
        "<results>/intake/contents.parquet",
    log:
        "<results>/logs/describe_scan.log",
    benchmark:
        "<results>/benchmarks/describe_scan.tsv"
    conda:
        "../../envs/imaging.yaml"
    shell:
        "python -m cineclr describe-scan --scan {input.scan:q} --ledger {input.ledger:q}"
        " --output {output:q} 2>&1 | tee {log:q}"


use rule describe_scan as describe_cmr_scan with:
    input:
        scan=scan_shards("<private>/cmr/scan/shard_{shard}.parquet"),
        ledger="<results>/cmr/intake/scan.parquet",
    output:
        "<results>/cmr/intake/contents.parquet",
    log:
        "<results>/logs/describe_cmr_scan.log",
    benchmark:
        "<results>/benchmarks/describe_cmr_scan.tsv"


rule write_intake_report:
    input:
        contents="<results>/intake/contents.parquet",
        ledger="<results>/intake/scan.parquet",
        manifests=study_shards("<results>/echo/videos/shard_{shard}.parquet"),
        folders=study_shards("<results>/echo/videos/shard_{shard}"),
    output:
        "<results>/intake/intake_report.html",
    log:
        "<results>/logs/write_intake_report.log",
    benchmark:
        "<results>/benchmarks/write_intake_report.tsv"
    conda:
        "../../envs/imaging.yaml"
    params:
        wing="echo",
        settings=deidentify_slice,
        min_cell=ECHO.evaluation.min_cell,
        seed=CONFIG.seed,
    shell:
        "python -m cineclr write-intake-report --wing {params.wing} --contents {input.contents:q}"
        " --ledger {input.ledger:q} --manifests {input.manifests:q} --folders {input.folders:q}"
        " --settings {params.settings:q} --min-cell {params.min_cell} --seed {params.seed}"
        " --output {output:q} 2>&1 | tee {log:q}"


use rule write_intake_report as write_cmr_intake_report with:
    input:
        contents="<results>/cmr/intake/contents.parquet",
        ledger="<results>/cmr/intake/scan.parquet",
        manifests=study_shards("<results>/cmr/studies/shard_{shard}.parquet"),
        folders=study_shards("<results>/cmr/studies/shard_{shard}"),
    output:
        "<results>/cmr/intake/intake_report.html",
    log:
        "<results>/logs/write_cmr_intake_report.log",
    benchmark:
        "<results>/benchmarks/write_cmr_intake_report.tsv"
    params:
        wing="cmr",
        settings=slice_of(CMR.studies),
        min_cell=CMR.evaluation.min_cell,
        seed=CONFIG.seed,


rule write_dicom:
    input:
        signed=sign_off(),
        manifest="<results>/echo/videos/shard_{shard}.parquet",
        videos="<results>/echo/videos/shard_{shard}",
    output:
        dicom=directory("<results>/echo/dicom/shard_{shard}"),
        manifest="<results>/echo/dicom/shard_{shard}.parquet",
    log:
        "<results>/logs/write_dicom/{shard}.log",
    benchmark:
        "<results>/benchmarks/write_dicom/{shard}.tsv"
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=grow(2000),
        runtime=extend(60),
    params:
        private=private_side,
        gated=gate_option,
    shell:
        "python -m cineclr write-dicom --private {params.private:q} --manifest {input.manifest:q}"
        " --videos {input.videos:q} {params.gated} --dicom {output.dicom:q}"
        " --output {output.manifest:q} 2>&1 | tee {log:q}"


# The de-identified clips as DICOM, for those who must hand them on so. No part of a run: ask for it by name.
rule dicom:
    input:
        study_shards("<results>/echo/dicom/shard_{shard}.parquet"),
