# Training: pretraining on all training videos, the fine-tuning grid, predictions on validation and test sets.
# in:  echo/cohort/splits.csv, echo/clips/shard_*
# out: echo/pretrain/<method>/, echo/finetune/<task>/<init>/<ratio>/<rate>/, echo/predictions/<task>/<init>/<ratio>.csv


localrules:
    import_kinetics,


rule import_kinetics:
    input:
        sources=require_sources,
    output:
        "<results>/models/kinetics400.safetensors",
    log:
        "<results>/logs/import_kinetics.log",
    benchmark:
        "<results>/benchmarks/import_kinetics.tsv"
    priority: 100
    conda:
        "../../envs/training.yaml"
    params:
        private=private_side,
        source=ECHO.encoder.kinetics400,
    shell:
        "python -m cineclr import-kinetics --private {params.private:q} --source {params.source}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule pretrain_echo:
    input:
        splits="<results>/echo/cohort/splits.csv",
        clips=study_shards("<results>/echo/clips/shard_{shard}.parquet"),
        frames=study_shards("<results>/echo/clips/shard_{shard}.npy"),
    output:
        encoder="<results>/echo/pretrain/{method}/encoder.safetensors",
        history="<results>/echo/pretrain/{method}/history.csv",
    log:
        "<results>/logs/pretrain_echo/{method}.log",
    benchmark:
        "<results>/benchmarks/pretrain_echo/{method}.tsv"
    priority: 50
    conda:
        "../../envs/training.yaml"
    threads: ECHO.pretrain.cpu_threads
    resources:
        mem_mb=grow(64000),
        runtime=extend(4320),
        gpu=ECHO.pretrain.devices,
    params:
        settings=pretrain_slice,
        subsets=subsets_to_come,
        encoder=slice_of(ECHO.encoder),
        seed=CONFIG.seed,
        execution=execution,
        checkpoints=f"{RESULTS}/checkpoints/pretrain_echo/{{method}}",
        tensorboard=f"{RESULTS}/logs/tensorboard/pretrain_echo/{{method}}",
    shell:
        "python -m cineclr pretrain-echo --method {wildcards.method} --splits {input.splits:q}"
        " --clips {input.clips:q} --frames {input.frames:q} --settings {params.settings:q}"
        " --encoder {params.encoder:q} --execution {params.execution:q} --seed {params.seed}"
        " --checkpoints {params.checkpoints:q} --tensorboard {params.tensorboard:q} {params.subsets}"
        " --output {output.encoder:q} --history {output.history:q} 2>&1 | tee {log:q}"


rule finetune_echo:
    input:
        splits="<results>/echo/cohort/splits.csv",
        clips=study_shards("<results>/echo/clips/shard_{shard}.parquet"),
        frames=study_shards("<results>/echo/clips/shard_{shard}.npy"),
        weights=initial_weights,
    output:
        model="<results>/echo/finetune/{task}/{init}/{ratio}/{rate}/model.safetensors",
        fit="<results>/echo/finetune/{task}/{init}/{ratio}/{rate}/fit.json",
        history="<results>/echo/finetune/{task}/{init}/{ratio}/{rate}/history.csv",
    log:
        "<results>/logs/finetune_echo/{task}/{init}/{ratio}/{rate}.log",
    benchmark:
        "<results>/benchmarks/finetune_echo/{task}/{init}/{ratio}/{rate}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: ECHO.finetune.cpu_threads
    resources:
        mem_mb=grow(32000),
        runtime=extend(720),
        gpu=1,
    params:
        settings=finetune_slice,
        encoder=slice_of(ECHO.encoder),
        weights=weights_option,
        seed=CONFIG.seed,
        execution=execution,
        checkpoints=f"{RESULTS}/checkpoints/finetune_echo/{{task}}/{{init}}/{{ratio}}/{{rate}}",
        tensorboard=f"{RESULTS}/logs/tensorboard/finetune_echo/{{task}}/{{init}}/{{ratio}}/{{rate}}",
    shell:
        "python -m cineclr finetune-echo --task {wildcards.task} --init {wildcards.init}"
        " --ratio {wildcards.ratio} --learning-rate {wildcards.rate} --splits {input.splits:q}"
        " --clips {input.clips:q} --frames {input.frames:q} {params.weights}"
        " --settings {params.settings:q} --encoder {params.encoder:q} --execution {params.execution:q}"
        " --seed {params.seed} --checkpoints {params.checkpoints:q} --tensorboard {params.tensorboard:q}"
        " --output {output.model:q} --fit {output.fit:q} --history {output.history:q} 2>&1 | tee {log:q}"


rule predict_echo:
    input:
        models=candidates("model.safetensors"),
        fits=candidates("fit.json"),
        splits="<results>/echo/cohort/splits.csv",
        clips=study_shards("<results>/echo/clips/shard_{shard}.parquet"),
        frames=study_shards("<results>/echo/clips/shard_{shard}.npy"),
    output:
        table="<results>/echo/predictions/{task}/{init}/{ratio}.csv",
        parquet="<results>/echo/predictions/{task}/{init}/{ratio}.parquet",
        choice="<results>/echo/predictions/{task}/{init}/{ratio}.json",
    log:
        "<results>/logs/predict_echo/{task}/{init}/{ratio}.log",
    benchmark:
        "<results>/benchmarks/predict_echo/{task}/{init}/{ratio}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: ECHO.predict.cpu_threads
    resources:
        mem_mb=grow(32000),
        runtime=extend(120),
        gpu=1,
    params:
        settings=slice_of(ECHO.predict),
        rates=candidate_rates,
        encoder=slice_of(ECHO.encoder),
        seed=CONFIG.seed,
    shell:
        "python -m cineclr predict-echo --task {wildcards.task} --models {input.models:q}"
        " --fits {input.fits:q} --splits {input.splits:q} --clips {input.clips:q}"
        " --frames {input.frames:q} --settings {params.settings:q} --encoder {params.encoder:q}"
        " --seed {params.seed} --output {output.table:q} --choice {output.choice:q} 2>&1 | tee {log:q}"


rule pretrain:
    input:
        expand(
            "<models>/echo/pretrain/{method}/encoder.safetensors",
            method=[init for init in ECHO.finetune.inits if init in SSL_METHODS],
        ),


rule finetune:
    input:
        recorded_models("echo"),
        expand("<models>/echo/finetune/{model}", model=grid("fit.json", by_rate=True)),


rule predict:
    input:
        expand("<results>/echo/predictions/{cell}", cell=grid(".csv")),
        rules.finetune.input,
