"""Inputs of the rule of probes. No rule is defined here."""


def probe_inputs(wildcards):
    points = queries.probe_points(EXPERIMENT, wildcards.variant)
    return {
        "embeddings": f"<results>/variants/{wildcards.variant}/{points}/embeddings.zarr",
        "manifest": f"<results>/variants/{wildcards.variant}/{points}/embeddings.json",
        "labels": expand("<results>/data/labels/{task}/{points}.zarr", task=EXPERIMENT.tasks, points=points),
    }
