"""Library interface: the intrinsic dimension of an array, without Snakemake and without files."""

import warnings
from collections.abc import Mapping, Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import pandas as pd

    from earthdim.estimation.neighbours import Graph

Leaf = Mapping[str, Any]


def dimension(
    array: ArrayLike,
    lonlat: ArrayLike | None = None,
    estimators: Sequence[str] | Mapping[str, Leaf] = ("mle", "mom", "tle", "twonn", "fishers"),
    k: int | None = None,
    subsampling: Mapping[str, int] | None = None,
) -> "pd.DataFrame":
    """Measure the intrinsic dimension of an embedding.

    The rows equal those of the workflow's dimension.csv for the same embedding: duplicates are dropped and counted,
    the points are centred and rescaled, and all estimators share one exact nearest-neighbour graph. The last digits may
    depend on the number of BLAS threads, which is not changed (the workflow uses one).

    Parameters
    ----------
    array : array_like, shape (n, d)
        One row per point: a NumPy array, a torch tensor (on any device, with or without gradient), a data frame, table
        or series of arrays of pandas, polars or Arrow, a DataArray, a Zarr array, a sparse matrix, or anything that
        `numpy.asarray` accepts. It is read into memory and not modified.
    lonlat : array_like, shape (n, 2), or a data frame, optional
        Longitude (from -180 to 180, or to 360) and latitude of the rows, degrees; matched by name if columns are named.
        Adds the column neighbour_radius_km.
    estimators : sequence of str, or mapping
        Names of leaves of config/estimator; or name -> leaf, for custom arguments.
    k : int, optional
        Number of neighbours for the local estimators (those with an aggregation), replacing the value in their leaves;
        global estimators (TwoNN, CorrInt, Gride, FisherS) keep theirs.
    subsampling : mapping, optional
        Number (`draws`) and `seed` of the half samples whose spread gives an interval for each estimator without a
        built-in one; no interval with more than `up_to` points, if that key is given.

    Returns
    -------
    DataFrame
        One row per estimator, with n (rows of the array), estimator, k, aggregation, value, low, high and interval
        (empty if there is none), neighbour_radius_km (only with `lonlat`: the median ground distance to the k-th
        nearest other point, km; empty for an estimator without k), above_ambient, duplicates_dropped, library,
        library_version and note. If an estimator fails on these points or returns an impossible value, its value is
        empty; if half samples yield no interval, the interval is empty. The note states the reason.

    Warns
    -----
    UserWarning
        For every row with a note, and if columns or places are suspicious: an identifier among features, rows of zeros,
        coordinates in radians (see `earthdim.data.plausibility`).

    Raises
    ------
    ValueError
        If the array is not a finite matrix of enough distinct rows, has masked rows or fill values (see
        `earthdim.data.plausibility`), or has other columns next to numbered features; if `lonlat` does not match the
        array, an estimator is unknown, or `k` does not fit the number of points.
    earthdim.estimation.estimators.EstimateError
        If no estimator returns a value, or an argument of one is invalid for any points. A subclass of ValueError.
    FileNotFoundError
        If estimators are given by name and their leaves cannot be found.
    """
    # Imported late to keep `import earthdim` cheap.
    from earthdim.estimation.estimators import PreparedEmbedding
    from earthdim.estimation.measure import graph_depth, measure
    from earthdim.estimation.neighbours import prepare
    from earthdim.estimation.scale import measure_scale
    from earthdim.storage.schema import ESTIMATE

    missing = [] if subsampling is None else [key for key in ("draws", "seed") if key not in subsampling]
    if missing:
        raise ValueError(f"subsampling: lacks {', '.join(missing)}")
    leaves = _leaves(estimators, k)
    values = _values(array)
    if lonlat is not None:
        if k is not None and k >= len(values) - 1:
            raise ValueError(f"k: must lie in 2 .. {len(values) - 2} for {len(values)} points, is {k}")
        depth = graph_depth(leaves)
        return _report(measure_scale(values, _places(lonlat), [len(values)], leaves, depth, subsampling))
    prepared = prepare(values)
    graph = _graph(prepared.points, leaves, whole=k is not None)
    rows, _ = measure(PreparedEmbedding(prepared, graph), leaves, subsampling)
    return _report(rows.assign(n=len(values))[["n", *ESTIMATE]])


def _report(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows after warning of each note; raise EstimateError if no row has a value."""
    from earthdim.estimation.estimators import EstimateError

    if rows["value"].isna().all():
        raise EstimateError("; ".join(dict.fromkeys(rows["note"])))
    for row in rows[rows["note"] != ""].itertuples():
        warnings.warn(f"{row.estimator}: {row.note}", UserWarning, stacklevel=3)
    return rows


def _leaves(estimators: Sequence[str] | Mapping[str, Leaf], k: int | None) -> dict[str, Leaf]:
    """Look up each estimator's leaf and set the requested `k`."""
    from earthdim.estimation.estimators.estimate import check_envelope
    from earthdim.estimation.estimators.leaves import read_leaf

    if isinstance(estimators, str):
        estimators = [estimators]
    if not isinstance(estimators, Mapping):
        estimators = {name: read_leaf(name) for name in estimators}
    if not estimators:
        raise ValueError("estimators: is empty; name at least one estimator")
    for name, leaf in estimators.items():
        try:
            check_envelope(leaf)
        except ValueError as error:
            raise ValueError(f"estimators: {name}: {error}") from None
    if k is None:
        return dict(estimators)
    local = {
        name: {**leaf, "k": index(k)} for name, leaf in estimators.items() if leaf["aggregation"] != "global"
    }
    return {**estimators, **local}


def _values(array: ArrayLike) -> np.ndarray:
    """Read an array into memory as a NumPy array, and check its columns and values."""
    from earthdim.data import arrays, plausibility
    from earthdim.data.coordinate_tables.features import non_features

    names = arrays.column_names(array)
    numbered, others = non_features(names)
    coordinates = [name for name in names if name.lower() in arrays.LONGITUDES + arrays.LATITUDES]
    if others or len({name.lower() in arrays.LATITUDES for name in coordinates}) > 1:
        others_named = ", ".join(map(repr, (others or coordinates)[:5]))
        reason = f" in addition to the numbered {numbered}" if others else ", which are coordinates"
        raise ValueError(f"array: has the columns {others_named}{reason}; pass only the columns of features")
    values = arrays.numbers(array)
    if values.ndim != 2:
        return values
    arrays.check_finite(values)
    plausibility.check_fill_values(
        values, "array", names or None, "drop such rows (of the coordinates too), or this column"
    )
    plausibility.warn_suspicious_columns(values, "array", names or None)
    return values


def _places(lonlat: ArrayLike) -> np.ndarray:
    """Read coordinates, and warn if they are implausible."""
    from earthdim.data import arrays, plausibility

    places = arrays.places(lonlat)
    plausibility.warn_implausible_places(places)
    return places


def _graph(points: np.ndarray, leaves: Mapping[str, Leaf], whole: bool) -> "Graph":
    """Build the neighbour graph for the estimators; an empty graph if no estimator uses it.

    Unless `whole` is set, k is reduced to the number of available neighbours.
    """
    from earthdim.estimation.estimators.estimate import READS
    from earthdim.estimation.measure import graph_depth
    from earthdim.estimation.neighbours import Graph, knn

    if not any(READS[leaf["reads"]].of_graph for leaf in leaves.values() if leaf["reads"] in READS):
        return Graph(np.empty((len(points), 0)), np.empty((len(points), 0), dtype=np.int64))
    depth = graph_depth(leaves)
    return knn(points, depth if whole else min(depth, len(points) - 2))
