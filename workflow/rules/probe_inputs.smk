"""Inputs of the rule of probes. No rule is defined here."""


def probe_inputs(wildcards):
    points = queries.probe_points(EXPERIMENT, wildcards.variant)
    return {
        **embedded_of(wildcards.variant, points),
        "labels": expand("<results>/data/labels/{task}/{points}.zarr", task=EXPERIMENT.tasks, points=points),
    }
