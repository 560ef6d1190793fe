# What a person asks for by name, Snakemake's report of the run, and what begins and ends a run.
# in:  the tables and figures of the papers that the run has data for
# out: results/<run>/report.html


localrules:
    write_report,


# Snakemake's report of all tables and figures of this run.
rule write_report:
    input:
        [getattr(rules, wing).input for wing in sorted(WINGS)],
    output:
        "<results>/report.html",
    log:
        "<results>/logs/write_report.log",
    benchmark:
        "<results>/benchmarks/write_report.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        config=CONFIG.model_dump_json(),
        wings=sorted(WINGS),
    shell:
        "python -m cineclr write-report --config {params.config:q} --wings {params.wings}"
        " --output {output:q} 2>&1 | tee {log:q}"


# The user's files as they are now. A shard of the index, or a sheet, that is as it was keeps its content, so
# that `snakemake` afterwards runs again only what the others ask for.
rule update:
    input:
        [
            getattr(rules, reading).output
            for wing in sorted(WINGS)
            for reading in READING[wing]
        ],


rule tables:
    input:
        [getattr(rules, f"{wing}_tables").input for wing in sorted(WINGS)],


rule figures:
    input:
        [getattr(rules, f"{wing}_figures").input for wing in sorted(WINGS)],


# A mistake in sources.yaml or in the sheet stops the run before its first job, as does a second Snakemake.
onstart:
    start_run()


onsuccess:
    summarize()


onerror:
    tell_failures()
