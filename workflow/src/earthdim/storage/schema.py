"""The layout of all files below results/: schema versions, columns and keys. Constants only.

The columns of every table are written here once; other modules derive theirs from these names.
"""

# One integer for each kind of artefact. Raise it when the layout changes: every job that writes the kind reruns.
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


# Kinds of weights that are not trained here: released by others, user-supplied code, a table of embeddings.
FROZEN = ("released", "own", "table")


# Keys of a leaf of weights that are not arguments of its target.
WEIGHTS_KEYS = frozenset({"kind", "model", "about", "counted", "resolution", "modality", "sources", "n"})


# An estimator as it was run. `k` is empty for an estimator without neighbours.
MEASURE = ("estimator", "k", "aggregation")

# A value with its interval.
INTERVAL = ("value", "low", "high", "interval")

# How an estimate was made, and why it may be incomplete.
DETAILS = ("above_ambient", "duplicates_dropped", "library", "library_version", "note")

# One estimate, without the points and the variant that it belongs to.
ESTIMATE = (*MEASURE, *INTERVAL, *DETAILS)

# Where a score or an activation comes from; empty for embeddings.
TARGET = ("task", "split", "head")

# A row of dimension.csv, within one variant: what is compared with the untrained twin.
DIMENSION_KEY = ("points", "replicate", "space", *TARGET, *MEASURE)

# A dimension that is correlated with a score; see `PANEL`.
MEASURED_AT = (*MEASURE, "points", "n", "space")

# One correlation: a dimension and the score of a task, split and head.
PANEL = (*MEASURED_AT, *TARGET, "metric")

# One score, without its variant.
SCORE = (*TARGET, "metric", "primary", "value", "low", "high", "n", "folds", "note")

_DIMENSION = (
    "variant", *AXES, "points", "n", "replicate", "space", *TARGET, *MEASURE, *INTERVAL, "neighbour_radius_km",
    "twin_value", *DETAILS,
)  # fmt: skip


COLUMNS = {
    "variants": (
        "variant", *AXES, "branches", "twin", "family", "counted", "ambient_dim", "parameters",
        "shortest_wavelength_km", "nominal_wavelength_km", "val_loss", "val_top1",
    ),
    "dimension": _DIMENSION,
    "costly": _DIMENSION,
    "draws": ("variant", *AXES, "n", *MEASURE, "draws", *INTERVAL, "above_ambient", "note"),
    "scale": ("variant", *AXES, "points", "support", "n", *MEASURE, *INTERVAL, "neighbour_radius_km", *DETAILS),
    "jacobian": ("variant", *AXES, "points", "n", *ESTIMATE),
    "table1": (
        "name", "kind", "ambient_dim", *MEASURE, "published", "variant", *INTERVAL, "n", "draws", "note",
    ),
    "missing": ("variant", "message"),
    "left_out": (
        "variant", "points", "table", "what", "name", "k", *TARGET, "n", "without_label", "reason",
    ),
    "probe": ("variant", *AXES, "points", *SCORE[:-1], "leaked", *SCORE[-1:]),
    "correlation": (
        *PANEL, "level", "coefficient", *INTERVAL, "p", "p_adjusted", "n_cells", "n_families", "n_left_out",
        "adjustment", "note",
    ),
    "correlation_families": (
        *PANEL, "coefficient", "family", "n_cells", "value", "pooled", "pooled_without", "range_low", "range_high",
        "note",
    ),
    "correlation_summary": (
        *MEASURED_AT, "head", "split", "level", "coefficient", "median", "tasks", "positive", "median_without",
        "tasks_without", "positive_without",
    ),
}  # fmt: skip


# The columns of left_out.csv that are not known where something is left out: the table adds them.
_ADDED = ("variant", "points", "k")

# One thing that is left out.
LEFT_OUT = tuple(column for column in COLUMNS["left_out"] if column not in _ADDED)


# Written as integers although an empty cell makes them floating point in memory.
INTEGER_COLUMNS = (
    "seed", "k", "n", "replicate", "folds", "duplicates_dropped", "best_step", "draws", "ambient_dim",
    "without_label",
)  # fmt: skip


class ArtefactError(RuntimeError):
    """An artefact is missing, incomplete, damaged or of another schema."""
