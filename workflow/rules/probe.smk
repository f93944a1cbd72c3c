"""Downstream probes: all tasks, splits and heads of one variant."""


rule probe:
    """Scores of every task, split and head, and the dimension of the heads' activations."""
    input:
        embeddings=f"<results>/variants/{{variant}}/{EXPERIMENT.task_points}/embeddings.zarr",
        manifest=f"<results>/variants/{{variant}}/{EXPERIMENT.task_points}/embeddings.json",
        labels=expand(
            "<results>/data/labels/{task}/{points}.zarr",
            task=EXPERIMENT.tasks,
            points=EXPERIMENT.task_points,
        ),
    output:
        probe="<results>/{experiment}/variants/{variant}/probe.csv",
        activation="<results>/{experiment}/variants/{variant}/activation.csv",
    log:
        "<results>/logs/probe/{experiment}/{variant}.log",
    benchmark:
        "<results>/benchmarks/probe/{experiment}/{variant}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=probe_job,
    script:
        "../scripts/probe.py"
