"""Variants: trained, untrained or released, each one checkpoint."""


rule pretrain:
    """One variant's checkpoint, its resolved config, its loss curve and a summary."""
    input:
        unpack(pretrain_inputs),
    output:
        checkpoint="<results>/variants/{variant}/checkpoint.safetensors",
        config="<results>/variants/{variant}/config.yaml",
        curve="<results>/variants/{variant}/training.csv",
        summary="<results>/variants/{variant}/summary.json",
    log:
        "<results>/logs/pretrain/{variant}.log",
    benchmark:
        "<results>/benchmarks/pretrain/{variant}.tsv"
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=gpus,
    params:
        job=pretrain_job,
    script:
        "../scripts/pretrain.py"
