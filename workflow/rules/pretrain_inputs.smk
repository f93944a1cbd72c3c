"""Inputs of the rule of pre-training. No rule is defined here."""

@planned
def pretrain_inputs(wildcards):
    """The features of the modality and their locations for a trained variant; user-supplied files of a custom encoder."""
    names = variant_of(wildcards).features.values()
    points = {EXPERIMENT.features[name]["points"] for name in names}
    return {
        "features": [f"<results>/data/features/{name}.zarr" for name in names],
        "points": [f"<results>/data/points/{name}.zarr" for name in sorted(points)],
        "own": variant_files(wildcards),
    }
