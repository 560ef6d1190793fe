# Views: which videos show the wanted view, and those as small clips.
# in:  echo/videos/shard_*; the user's classifier or labelled frames (private/<run>/sources.yaml)
# out: models/view_classifier.pt, echo/views/shard_*.parquet, echo/clips/shard_*.npy and shard_*.parquet

if ECHO.views.classifier == "train":

    rule train_view_classifier:
        input:
            sources=require_sources,
            manifests=study_shards("<results>/echo/videos/shard_{shard}.parquet"),
            videos=study_shards("<results>/echo/videos/shard_{shard}"),
        output:
            model="<results>/models/view_classifier.pt",
            description="<results>/models/view_classifier.json",
        log:
            "<results>/logs/train_view_classifier.log",
        benchmark:
            "<results>/benchmarks/train_view_classifier.tsv"
        conda:
            "../../envs/training.yaml"
        threads: ECHO.views.training.cpu_threads
        resources:
            mem_mb=grow(8000),
            runtime=extend(240),
        params:
            private=private_side,
            settings=slice_of(ECHO.views),
            seed=CONFIG.seed,
        shell:
            "python -m cineclr train-view-classifier --private {params.private:q}"
            " --manifests {input.manifests:q} --videos {input.videos:q} --settings {params.settings:q}"
            " --seed {params.seed} --output {output.model:q} 2>&1 | tee {log:q}"

else:

    localrules:
        import_view_classifier,

    rule import_view_classifier:
        input:
            sources=require_sources,
        output:
            model="<results>/models/view_classifier.pt",
            description="<results>/models/view_classifier.json",
        log:
            "<results>/logs/import_view_classifier.log",
        benchmark:
            "<results>/benchmarks/import_view_classifier.tsv"
        conda:
            "../../envs/training.yaml"
        params:
            private=private_side,
            settings=slice_of(ECHO.views),
        shell:
            "python -m cineclr import-view-classifier --private {params.private:q}"
            " --settings {params.settings:q} --output {output.model:q} 2>&1 | tee {log:q}"


rule classify_views:
    input:
        manifest="<results>/echo/videos/shard_{shard}.parquet",
        videos="<results>/echo/videos/shard_{shard}",
        classifier="<models>/models/view_classifier.pt",
    output:
        "<results>/echo/views/shard_{shard}.parquet",
    log:
        "<results>/logs/classify_views/{shard}.log",
    benchmark:
        "<results>/benchmarks/classify_views/{shard}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: ECHO.views.cpu_threads
    resources:
        mem_mb=grow(8000),
        runtime=extend(240),
    params:
        settings=slice_of(ECHO.views),
        seed=CONFIG.seed,
    shell:
        "python -m cineclr classify-views --manifest {input.manifest:q} --videos {input.videos:q}"
        " --classifier {input.classifier:q} --settings {params.settings:q} --seed {params.seed}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule preprocess_clips:
    input:
        manifest="<results>/echo/videos/shard_{shard}.parquet",
        videos="<results>/echo/videos/shard_{shard}",
        views="<results>/echo/views/shard_{shard}.parquet",
    output:
        index="<results>/echo/clips/shard_{shard}.parquet",
        frames="<results>/echo/clips/shard_{shard}.npy",
    log:
        "<results>/logs/preprocess_clips/{shard}.log",
    benchmark:
        "<results>/benchmarks/preprocess_clips/{shard}.tsv"
    conda:
        "../../envs/imaging.yaml"
    resources:
        mem_mb=grow(8000),
        runtime=extend(240),
    params:
        settings=slice_of(ECHO.clips),
    shell:
        "python -m cineclr preprocess-clips --manifest {input.manifest:q} --videos {input.videos:q}"
        " --views {input.views:q} --settings {params.settings:q} --frames {output.frames:q}"
        " --output {output.index:q} 2>&1 | tee {log:q}"
