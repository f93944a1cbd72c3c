"""Downstream probes: all tasks, splits and heads of one variant."""


def probe_inputs(wildcards):
    points = queries.probe_points(EXPERIMENT, wildcards.variant)
    return {
        "embeddings": f"<results>/variants/{wildcards.variant}/{points}/embeddings.zarr",
        "manifest": f"<results>/variants/{wildcards.variant}/{points}/embeddings.json",
        "labels": expand("<results>/data/labels/{task}/{points}.zarr", task=EXPERIMENT.tasks, points=points),
    }


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
    benchmark:
        "<results>/benchmarks/probe/{experiment}/{variant}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.probe, "variant"),
    script:
        "../scripts/probe.py"
