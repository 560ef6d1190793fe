# Frozen models: what a run that tests the models of this one must have in common with it.
# in:  nothing but the settings
# out: <wing>/models.json


localrules:
    record_models,


rule record_models:
    output:
        "<results>/{wing}/models.json",
    log:
        "<results>/logs/record_models/{wing}.log",
    benchmark:
        "<results>/benchmarks/record_models/{wing}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        settings=models_slice,
    shell:
        "python -m cineclr record-models --settings {params.settings:q} --output {output:q} 2>&1 | tee {log:q}"
