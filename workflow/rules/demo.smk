# Demo: a synthetic hospital instead of a real one (only when the configuration has a section `demo`).
# in:  nothing but the seed
# out: the private side of the run, with DICOM files, sheet, key and the truth

if CONFIG.demo is not None:

    spare_real_data()

    localrules:
        make_demo_hospital,

    rule make_demo_hospital:
        output:
            f"{PRIVATE}/sources.yaml",
            f"{PRIVATE}/key",
        log:
            "<results>/logs/make_demo_hospital.log",
        benchmark:
            "<results>/benchmarks/make_demo_hospital.tsv"
        conda:
            "../../envs/imaging.yaml"
        threads: 2
        params:
            settings=slice_of(CONFIG.demo),
            seed=CONFIG.seed,
            private=private_side,
        shell:
            "python -m cineclr make-demo-hospital --private {params.private:q}"
            " --settings {params.settings:q} --seed {params.seed} 2>&1 | tee {log:q}"
