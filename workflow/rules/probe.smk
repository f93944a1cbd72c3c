"""Downstream probes: all tasks, splits and heads of one variant."""


rule probe:
    """Scores for every task, split and head, and the intrinsic dimension of the heads' activations."""
    input:
        unpack(probe_inputs),
    output:
        probe="<results>/{experiment}/variants/{variant}/probe.csv",
        activation="<results>/{experiment}/variants/{variant}/activation.csv",
        left_out="<results>/{experiment}/variants/{variant}/left_out.csv",
    log:
        "<results>/logs/probe/{experiment}/{variant}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.probe, "variant"),
    script:
        "../scripts/probe.py"
