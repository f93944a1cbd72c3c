"""Inputs of the rule of probes. No rule is defined here."""

@planned
def probe_inputs(wildcards):
    points = queries.probe_points(EXPERIMENT, wildcards.variant)
    return {
        **embedded_of(wildcards.variant, points),
        "labels": [f"<results>/data/labels/{task}/{points}.zarr" for task in EXPERIMENT.tasks],
    }
