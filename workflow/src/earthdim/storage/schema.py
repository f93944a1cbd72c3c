"""What stands under results/: schema versions, columns and keys. Constants only."""

# One integer a kind of artefact: raise it when its layout changes, and every job that writes the kind reruns.
SCHEMA_VERSIONS = {
    "dataset": 1,
    "points": 1,
    "features": 1,
    "labels": 2,
    "checkpoint": 1,
    "embeddings": 1,
    "candidates": 1,
    "neighbours": 1,
    "local_dimension": 1,
    "dimension": 3,
    "scale": 2,
    "costly": 3,
    "jacobian": 2,
    "probe": 2,
    "tables": 3,
}


AXES = ("model", "resolution", "modality", "schedule", "weights", "seed")


# What the axis weights says of encoders that come as they are: by others, a user's own, embeddings alone.
FROZEN = ("released", "own", "table")


# What a leaf of weights says of itself, beside the arguments of its target.
WEIGHTS_KEYS = frozenset({"kind", "model", "about", "counted", "resolution", "modality", "sources", "n"})


_DIMENSION = (
    "variant", *AXES, "points", "n", "replicate", "space", "task", "split", "head", "estimator", "k", "aggregation",
    "value", "low", "high", "interval", "neighbour_radius_km", "twin_value", "above_ambient", "duplicates_dropped",
    "library", "library_version", "note",
)  # fmt: skip


COLUMNS = {
    "variants": (
        "variant", *AXES, "branches", "twin", "family", "counted", "ambient_dim", "parameters",
        "shortest_wavelength_km", "nominal_wavelength_km", "val_loss", "val_top1",
    ),
    "dimension": _DIMENSION,
    "costly": _DIMENSION,
    "draws": (
        "variant", *AXES, "n", "estimator", "k", "aggregation", "draws", "value", "low", "high", "interval",
        "above_ambient", "note",
    ),
    "scale": (
        "variant", *AXES, "points", "support", "n", "estimator", "k", "aggregation", "value", "low", "high",
        "interval", "neighbour_radius_km", "above_ambient", "duplicates_dropped", "library", "library_version", "note",
    ),
    "jacobian": (
        "variant", *AXES, "points", "n", "estimator", "k", "aggregation", "value", "low", "high", "interval",
        "above_ambient", "duplicates_dropped", "library", "library_version", "note",
    ),
    "table1": (
        "name", "kind", "ambient_dim", "estimator", "k", "aggregation", "published", "variant", "value", "low", "high",
        "interval", "n", "draws", "note",
    ),
    "missing": ("variant", "message"),
    "left_out": (
        "variant", "points", "table", "what", "name", "k", "task", "split", "head", "n", "without_label", "reason",
    ),
    "probe": (
        "variant", *AXES, "points", "task", "split", "head", "metric", "primary", "value", "low", "high", "n",
        "folds", "leaked", "note",
    ),
    "correlation": (
        "estimator", "k", "aggregation", "points", "n", "space", "task", "split", "head", "metric", "level",
        "coefficient", "value", "low", "high", "interval", "p", "p_adjusted", "n_cells", "n_families",
        "n_left_out",
    ),
}  # fmt: skip


# Written as integers although an empty cell makes them floating point in memory.
INTEGER_COLUMNS = (
    "seed", "k", "n", "replicate", "folds", "duplicates_dropped", "best_step", "draws", "ambient_dim",
    "without_label",
)  # fmt: skip


class ArtefactError(RuntimeError):
    """An artefact is missing, incomplete, damaged or of another schema."""
