# Cardiac MRI, training: video-text pretraining, multi-instance fine-tuning, predictions.
# in:  cmr/cohort/*, cmr/studies/shard_*; private/<run>/cmr/{labels,sentences}.parquet, tokens.json
# out: cmr/pretrain/*, cmr/features/<init>.parquet, cmr/finetune/<task>/<init>/<mode>/<ratio>/,
#      cmr/predictions/<task>/<init>/<mode>/<ratio>.csv


localrules:
    import_cmr_weights,


rule import_cmr_weights:
    input:
        sources=require_sources,
    output:
        "<results>/models/mvit_{published}.safetensors",
    log:
        "<results>/logs/import_cmr_weights/{published}.log",
    benchmark:
        "<results>/benchmarks/import_cmr_weights/{published}.tsv"
    priority: 100
    conda:
        "../../envs/training.yaml"
    params:
        private=private_side,
        source=cmr_weights_source,
    shell:
        "python -m cineclr import-cmr-weights --private {params.private:q} --which {wildcards.published}"
        " --source {params.source} --output {output:q} 2>&1 | tee {log:q}"


rule pretrain_cmr:
    input:
        splits="<results>/cmr/cohort/splits.csv",
        studies=study_shards("<results>/cmr/studies/shard_{shard}"),
        tokens="<private>/cmr/tokens.json",
        text_model="<results>/models/text_encoder",
        weights=cmr_start_weights,
    output:
        encoder="<results>/cmr/pretrain/encoder.safetensors",
        text="<results>/cmr/pretrain/text.safetensors",
        history="<results>/cmr/pretrain/history.csv",
        retrieval="<results>/cmr/pretrain/retrieval.json",
    log:
        "<results>/logs/pretrain_cmr.log",
    benchmark:
        "<results>/benchmarks/pretrain_cmr.tsv"
    priority: 50
    conda:
        "../../envs/training.yaml"
    threads: CMR.pretrain.cpu_threads
    resources:
        mem_mb=grow(128000),
        runtime=extend(4320),
        gpu=CMR.pretrain.devices,
    params:
        settings=slice_of(CMR.pretrain),
        video_encoder=slice_of(CMR.video_encoder),
        text_encoder=slice_of(CMR.text_encoder),
        weights=weights_option,
        seed=CONFIG.seed,
        execution=execution,
        checkpoints=f"{RESULTS}/checkpoints/pretrain_cmr",
        tensorboard=f"{RESULTS}/logs/tensorboard/pretrain_cmr",
    shell:
        "python -m cineclr pretrain-cmr --splits {input.splits:q}"
        " --studies {input.studies:q} --tokens {input.tokens:q} --text-model {input.text_model:q}"
        " {params.weights} --settings {params.settings:q} --video-encoder {params.video_encoder:q}"
        " --text-encoder {params.text_encoder:q} --execution {params.execution:q} --seed {params.seed}"
        " --checkpoints {params.checkpoints:q} --tensorboard {params.tensorboard:q}"
        " --output {output.encoder:q} --text-output {output.text:q} --history {output.history:q}"
        " --retrieval {output.retrieval:q} 2>&1 | tee {log:q}"


rule extract_features:
    input:
        splits="<results>/cmr/cohort/splits.csv",
        studies=study_shards("<results>/cmr/studies/shard_{shard}"),
        weights=cmr_init_weights,
    output:
        "<results>/cmr/features/{init}.parquet",
    log:
        "<results>/logs/extract_features/{init}.log",
    benchmark:
        "<results>/benchmarks/extract_features/{init}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: CMR.predict.cpu_threads
    resources:
        mem_mb=grow(32000),
        runtime=extend(240),
        gpu=1,
    params:
        settings=slice_of(CMR.predict),
        video_encoder=slice_of(CMR.video_encoder),
        weights=weights_option,
        seed=seed_of_models,  # from which random weights are drawn
    shell:
        "python -m cineclr extract-features --init {wildcards.init} --splits {input.splits:q}"
        " --studies {input.studies:q} {params.weights}"
        " --video-encoder {params.video_encoder:q} --settings {params.settings:q} --seed {params.seed}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule finetune_lvef:
    input:
        splits="<results>/cmr/cohort/splits.csv",
        studies=study_shards("<results>/cmr/studies/shard_{shard}"),
        weights=cmr_init_weights,
        features=cmr_features,
    output:
        model="<results>/cmr/finetune/lvef/{init}/{mode}/{ratio}/model.safetensors",
        fit="<results>/cmr/finetune/lvef/{init}/{mode}/{ratio}/fit.json",
        history="<results>/cmr/finetune/lvef/{init}/{mode}/{ratio}/history.csv",
    log:
        "<results>/logs/finetune_lvef/{init}/{mode}/{ratio}.log",
    benchmark:
        "<results>/benchmarks/finetune_lvef/{init}/{mode}/{ratio}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: CMR.lvef.cpu_threads
    resources:
        mem_mb=grow(32000),
        runtime=extend(1440),
        gpu=1,
    params:
        settings=bag_slice(CMR.lvef),
        video_encoder=slice_of(CMR.video_encoder),
        weights=weights_option,
        features=features_option,
        seed=CONFIG.seed,
        execution=execution,
        checkpoints=f"{RESULTS}/checkpoints/finetune_lvef/{{init}}/{{mode}}/{{ratio}}",
        tensorboard=f"{RESULTS}/logs/tensorboard/finetune_lvef/{{init}}/{{mode}}/{{ratio}}",
    shell:
        "python -m cineclr finetune-lvef --init {wildcards.init} --mode {wildcards.mode}"
        " --ratio {wildcards.ratio} --splits {input.splits:q}"
        " --studies {input.studies:q} {params.weights} {params.features} --settings {params.settings:q}"
        " --video-encoder {params.video_encoder:q} --execution {params.execution:q} --seed {params.seed}"
        " --checkpoints {params.checkpoints:q} --tensorboard {params.tensorboard:q}"
        " --output {output.model:q} --fit {output.fit:q} --history {output.history:q} 2>&1 | tee {log:q}"


rule finetune_diagnosis:
    input:
        splits="<results>/cmr/cohort/splits.csv",
        studies=study_shards("<results>/cmr/studies/shard_{shard}"),
        weights=cmr_init_weights,
        features=cmr_features,
    output:
        model="<results>/cmr/finetune/{diagnosis}/{init}/{mode}/{ratio}/model.safetensors",
        fit="<results>/cmr/finetune/{diagnosis}/{init}/{mode}/{ratio}/fit.json",
        history="<results>/cmr/finetune/{diagnosis}/{init}/{mode}/{ratio}/history.csv",
    log:
        "<results>/logs/finetune_diagnosis/{diagnosis}/{init}/{mode}/{ratio}.log",
    benchmark:
        "<results>/benchmarks/finetune_diagnosis/{diagnosis}/{init}/{mode}/{ratio}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: CMR.diagnoses.cpu_threads
    resources:
        mem_mb=grow(32000),
        runtime=extend(720),
        gpu=1,
    params:
        settings=bag_slice(CMR.diagnoses),
        video_encoder=slice_of(CMR.video_encoder),
        weights=weights_option,
        features=features_option,
        seed=CONFIG.seed,
        execution=execution,
        checkpoints=f"{RESULTS}/checkpoints/finetune_diagnosis/{{diagnosis}}/{{init}}/{{mode}}/{{ratio}}",
        tensorboard=f"{RESULTS}/logs/tensorboard/finetune_diagnosis/{{diagnosis}}/{{init}}/{{mode}}/{{ratio}}",
    shell:
        "python -m cineclr finetune-diagnosis --task {wildcards.diagnosis} --init {wildcards.init}"
        " --mode {wildcards.mode} --ratio {wildcards.ratio} --splits {input.splits:q}"
        " --studies {input.studies:q} {params.weights} {params.features}"
        " --settings {params.settings:q} --video-encoder {params.video_encoder:q}"
        " --execution {params.execution:q} --seed {params.seed} --checkpoints {params.checkpoints:q}"
        " --tensorboard {params.tensorboard:q} --output {output.model:q} --fit {output.fit:q}"
        " --history {output.history:q} 2>&1 | tee {log:q}"


rule predict_cmr:
    input:
        model="<models>/cmr/finetune/{target}/{init}/{mode}/{ratio}/model.safetensors",
        fit="<models>/cmr/finetune/{target}/{init}/{mode}/{ratio}/fit.json",
        splits="<results>/cmr/cohort/splits.csv",
        studies=study_shards("<results>/cmr/studies/shard_{shard}"),
        features=cmr_features,
    output:
        table="<results>/cmr/predictions/{target}/{init}/{mode}/{ratio}.csv",
        parquet="<results>/cmr/predictions/{target}/{init}/{mode}/{ratio}.parquet",
        attention="<results>/cmr/attention/{target}/{init}/{mode}/{ratio}.parquet",
    log:
        "<results>/logs/predict_cmr/{target}/{init}/{mode}/{ratio}.log",
    benchmark:
        "<results>/benchmarks/predict_cmr/{target}/{init}/{mode}/{ratio}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: CMR.predict.cpu_threads
    resources:
        mem_mb=grow(32000),
        runtime=extend(120),
        gpu=1,
    params:
        settings=slice_of(CMR.predict),
        video_encoder=slice_of(CMR.video_encoder),
        features=features_option,
        seed=CONFIG.seed,
    shell:
        "python -m cineclr predict-cmr --task {wildcards.target} --model {input.model:q} --fit {input.fit:q}"
        " --splits {input.splits:q} --studies {input.studies:q}"
        " {params.features} --settings {params.settings:q} --video-encoder {params.video_encoder:q}"
        " --seed {params.seed} --output {output.table:q} --attention {output.attention:q} 2>&1 | tee {log:q}"


# Diagnoses by prompts: what the pretrained pair knows without any label.
rule predict_zero_shot:
    input:
        splits="<results>/cmr/cohort/splits.csv",
        features="<results>/cmr/features/contrastive.parquet",
        weights="<models>/cmr/pretrain/encoder.safetensors",
        text="<models>/cmr/pretrain/text.safetensors",
        text_model="<models>/models/text_encoder",
    output:
        tables=zero_shot_predictions(".csv"),
        parquets=zero_shot_predictions(".parquet"),
    log:
        "<results>/logs/predict_zero_shot.log",
    benchmark:
        "<results>/benchmarks/predict_zero_shot.tsv"
    conda:
        "../../envs/training.yaml"
    threads: CMR.predict.cpu_threads
    resources:
        mem_mb=grow(16000),
        runtime=extend(60),
    params:
        tasks=CMR.diagnoses.tasks,
        text_encoder=slice_of(CMR.text_encoder),
    shell:
        "python -m cineclr predict-zero-shot --tasks {params.tasks} --splits {input.splits:q}"
        " --features {input.features:q} --weights {input.weights:q} --text-weights {input.text:q}"
        " --text-model {input.text_model:q} --text-encoder {params.text_encoder:q}"
        " --output {output.tables:q} 2>&1 | tee {log:q}"


rule evaluate_retrieval:
    input:
        splits="<results>/cmr/cohort/splits.csv",
        features="<results>/cmr/features/contrastive.parquet",
        weights="<models>/cmr/pretrain/encoder.safetensors",
        text="<models>/cmr/pretrain/text.safetensors",
        text_model="<models>/models/text_encoder",
        tokens="<private>/cmr/tokens.json",
    output:
        "<results>/cmr/evaluation/retrieval.csv",
    log:
        "<results>/logs/evaluate_retrieval.log",
    benchmark:
        "<results>/benchmarks/evaluate_retrieval.tsv"
    conda:
        "../../envs/training.yaml"
    threads: CMR.predict.cpu_threads
    resources:
        mem_mb=grow(16000),
        runtime=extend(60),
    params:
        text_encoder=slice_of(CMR.text_encoder),
        sentences=CMR.pretrain.sentences,
        seed=CONFIG.seed,
    shell:
        "python -m cineclr evaluate-retrieval --splits {input.splits:q} --features {input.features:q}"
        " --weights {input.weights:q} --text-weights {input.text:q} --text-model {input.text_model:q}"
        " --text-encoder {params.text_encoder:q} --tokens {input.tokens:q}"
        " --sentences {params.sentences} --seed {params.seed} --output {output:q} 2>&1 | tee {log:q}"


rule cmr_pretrain:
    input:
        "<models>/cmr/pretrain/encoder.safetensors",


rule cmr_finetune:
    input:
        recorded_models("cmr"),
        expand("<models>/cmr/finetune/{cell}/fit.json", cell=cmr_cells()),


rule cmr_predict:
    input:
        expand("<results>/cmr/predictions/{cell}.csv", cell=cmr_cells()),
        zero_shot_predictions(),
        rules.cmr_finetune.input,
