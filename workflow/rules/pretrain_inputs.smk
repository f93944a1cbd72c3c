"""Inputs of the rule of pre-training. No rule is defined here."""


def pretrain_inputs(wildcards):
    """The features of the modality and their locations for a trained variant; user-supplied files of a custom encoder."""
    names = variant_of(wildcards).features.values()
    points = {EXPERIMENT.features[name]["points"] for name in names}
    return {
        "features": expand("<results>/data/features/{features}.zarr", features=names),
        "points": expand("<results>/data/points/{points}.zarr", points=sorted(points)),
        "own": variant_files(wildcards),
    }
