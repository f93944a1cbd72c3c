"""Variants: trained, untrained or external encoders, one checkpoint each."""


rule pretrain:
    """Checkpoint, resolved configuration, loss curve and summary of one variant."""
    input:
        unpack(pretrain_inputs),
    output:
        checkpoint="<results>/variants/{variant}/checkpoint.safetensors",
        config="<results>/variants/{variant}/config.yaml",
        curve="<results>/variants/{variant}/training.csv",
        summary="<results>/variants/{variant}/summary.json",
    log:
        "<results>/logs/pretrain/{variant}.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=lambda wildcards: queries.gpus(EXPERIMENT, wildcards.variant),
    params:
        job=job(slices.pretrain, "variant"),
    script:
        "../scripts/pretrain.py"
