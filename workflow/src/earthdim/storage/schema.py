"""The layout of all files below results/: schema versions, columns and keys. Constants only.

The columns of every table are written here once; other modules derive theirs from these names.
"""

# Version of the layout of each kind of artefact. Raising one reruns every job that writes that kind.
SCHEMA_VERSIONS = {
    "dataset": 2,
    "points": 1,
    "features": 1,
    "labels": 2,
    "checkpoint": 2,
    "embeddings": 1,
    "candidates": 1,
    "neighbours": 1,
    "local_dimension": 1,
    "dimension": 3,
    "scale": 2,
    "costly": 3,
    "jacobian": 2,
    "probe": 2,
    "tables": 4,
}


AXES = ("model", "resolution", "modality", "objective", "schedule", "weights", "seed")


# Kinds of weights that are trained here; `shuffled` is trained on the observations of other locations.
TRAINED = ("trained", "shuffled")


# Kinds of weights beside which trained ones are read; they are shown and never counted. `raw` is a positional encoding
# without a network.
CONTROLS = ("untrained", "shuffled", "raw")


# Counterparts of a variant among the controls, and the columns of its rows that hold their values.
COUNTERPARTS = {"twin": "twin_value", "shuffled": "shuffled_value", "raw": "raw_value"}


# Kinds of weights that are not trained here: released weights, user-supplied encoders, tables of embeddings.
EXTERNAL = ("released", "own", "table")


# An estimator with its settings. `k` is empty for an estimator without neighbours.
MEASURE = ("estimator", "k", "aggregation")

# A value with its interval.
INTERVAL = ("value", "low", "high", "interval")

# Details of an estimate; `note` states why a value is missing.
DETAILS = ("above_ambient", "duplicates_dropped", "library", "library_version", "note")

# One estimate, without its points and variant.
ESTIMATE = (*MEASURE, *INTERVAL, *DETAILS)

# Origin of a score or an activation; empty for embeddings.
TARGET = ("task", "split", "head")

# Key of a row of dimension.csv within one variant; the row of the untrained twin has the same key.
DIMENSION_KEY = ("points", "replicate", "space", *TARGET, *MEASURE)

# Key of a dimension that is correlated with scores; see `PANEL`.
MEASURED_AT = (*MEASURE, "points", "n", "space")

# Key of a correlation: a dimension, and the score of a task, split and head.
PANEL = (*MEASURED_AT, *TARGET, "metric")

# One score, without its variant.
SCORE = (*TARGET, "metric", "primary", "value", "low", "high", "n", "folds", "note")

_DIMENSION = (
    "variant", *AXES, "points", "n", "replicate", "space", *TARGET, *MEASURE, *INTERVAL, "neighbour_radius_km",
    "twin_value", "minus_twin", "shuffled_value", "minus_shuffled", "raw_value", *DETAILS,
)  # fmt: skip


COLUMNS = {
    "variants": (
        "variant", *AXES, "branches", "twin", "shuffled", "raw", "family", "counted", "ambient_dim", "parameters",
        "shortest_wavelength_km", "nominal_wavelength_km", "val_loss", "val_top1", "region_loss",
        "region_top1", "best_step", "steps", "logit_scale",
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
    "probe": ("variant", *AXES, "points", *SCORE[:-1], "leaked", "task_set", *SCORE[-1:]),
    "controls": (
        "family", *(axis for axis in AXES if axis not in ("weights", "seed")), "control", "kind", "split", "head",
        "tasks", "value", "twin", "raw", "coordinates", "shuffled", "margin", "seeds", "seeds_passed", "decides",
        "passed", "reason",
    ),
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


# Columns of left_out.csv that are added when the table is assembled.
_ADDED = ("variant", "points", "k")

# One omission.
LEFT_OUT = tuple(column for column in COLUMNS["left_out"] if column not in _ADDED)


# Columns written as integers, although empty cells make them floating point in memory.
INTEGER_COLUMNS = (
    "seed", "k", "n", "replicate", "folds", "duplicates_dropped", "best_step", "steps", "draws", "ambient_dim",
    "without_label",
)  # fmt: skip


class ArtefactError(RuntimeError):
    """An artefact is missing, incomplete, damaged or of another schema."""
