# Cardiac MRI, reports: sentences, tokens and labels. Whatever holds text stays on the private side.
# in:  private/<run>/sources.yaml (section cmr): the file of reports; models for sentences and tokens
# out: private/<run>/cmr/{reports,sentences,labels,label_evidence}.parquet, tokens.json; results/<run>/models/


localrules:
    import_reports,
    import_text_encoder,


rule import_reports:
    input:
        sources=require_sources,
    output:
        "<private>/cmr/reports.parquet",
    log:
        "<results>/logs/import_reports.log",
    benchmark:
        "<results>/benchmarks/import_reports.tsv"
    priority: 100
    conda:
        "../../envs/text.yaml"
    params:
        private=private_side,
    shell:
        "python -m cineclr import-reports --private {params.private:q} --output {output:q} 2>&1 | tee {log:q}"


if CMR.text.splitter == "train":

    rule train_splitter:
        input:
            sources=require_sources,
        output:
            directory("<results>/models/sentence_splitter"),
        log:
            "<results>/logs/train_splitter.log",
        benchmark:
            "<results>/benchmarks/train_splitter.tsv"
        priority: 100
        conda:
            "../../envs/text.yaml"
        resources:
            mem_mb=grow(4000),
            runtime=extend(60),
        params:
            private=private_side,
            seed=CONFIG.seed,
        shell:
            "python -m cineclr train-splitter --private {params.private:q} --seed {params.seed}"
            " --output {output:q} 2>&1 | tee {log:q}"

else:

    localrules:
        import_splitter,

    rule import_splitter:
        input:
            sources=require_sources,
        output:
            directory("<results>/models/sentence_splitter"),
        log:
            "<results>/logs/import_splitter.log",
        benchmark:
            "<results>/benchmarks/import_splitter.tsv"
        priority: 100
        conda:
            "../../envs/text.yaml"
        params:
            private=private_side,
            source=CMR.text.splitter,
        shell:
            "python -m cineclr import-splitter --private {params.private:q} --source {params.source}"
            " --output {output:q} 2>&1 | tee {log:q}"


rule import_text_encoder:
    input:
        sources=require_sources,
    output:
        directory("<results>/models/text_encoder"),
    log:
        "<results>/logs/import_text_encoder.log",
    benchmark:
        "<results>/benchmarks/import_text_encoder.tsv"
    priority: 100
    conda:
        "../../envs/text.yaml"
    params:
        private=private_side,
        settings=slice_of(CMR.text_encoder, "source", "model", "revision"),
    shell:
        "python -m cineclr import-text-encoder --private {params.private:q}"
        " --settings {params.settings:q} --output {output:q} 2>&1 | tee {log:q}"


rule tokenize_reports:
    input:
        reports="<private>/cmr/reports.parquet",
        splitter="<models>/models/sentence_splitter",
        encoder="<models>/models/text_encoder",
    output:
        tokens="<private>/cmr/tokens.json",
        sentences="<private>/cmr/sentences.parquet",
    log:
        "<results>/logs/tokenize_reports.log",
    benchmark:
        "<results>/benchmarks/tokenize_reports.tsv"
    conda:
        "../../envs/text.yaml"
    resources:
        mem_mb=grow(8000),
        runtime=extend(240),
    params:
        settings=slice_of(CMR.text, "max_tokens"),
    shell:
        "python -m cineclr tokenize-reports --reports {input.reports:q} --splitter {input.splitter:q}"
        " --encoder {input.encoder:q} --settings {params.settings:q} --output {output.tokens:q}"
        " --sentences {output.sentences:q} 2>&1 | tee {log:q}"


rule label_reports:
    input:
        sentences="<private>/cmr/sentences.parquet",
        reports="<private>/cmr/reports.parquet",
    output:
        labels="<private>/cmr/labels.parquet",
        evidence="<private>/cmr/label_evidence.parquet",
    log:
        "<results>/logs/label_reports.log",
    benchmark:
        "<results>/benchmarks/label_reports.tsv"
    conda:
        "../../envs/text.yaml"
    resources:
        mem_mb=grow(16000),
        runtime=extend(1440),
        gpu=label_gpus(),
    params:
        private=private_side,
        settings=label_slice,
        tasks=CMR.diagnoses.tasks,
    shell:
        "python -m cineclr label-reports --private {params.private:q} --sentences {input.sentences:q}"
        " --reports {input.reports:q} --settings {params.settings:q} --tasks {params.tasks}"
        " --output {output.labels:q} --evidence {output.evidence:q} 2>&1 | tee {log:q}"


rule cmr_text:
    input:
        "<private>/cmr/tokens.json",
        "<private>/cmr/labels.parquet",
