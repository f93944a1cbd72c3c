"""The library's door: the dimension of any array, without Snakemake and without files."""

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

    The rows are those of the workflow's dimension.csv for the same embedding: duplicates are dropped and counted, the
    points centred and rescaled, one exact nearest-neighbour graph is searched, and every estimator reads it. The last
    digits may depend on the number of threads of BLAS, which is left as it is (the workflow takes one).

    Parameters
    ----------
    array : array_like, shape (n, d)
        One row a point: a NumPy array, a torch tensor (on any device, with or without gradient), a data frame, table
        or series of arrays of pandas, polars or Arrow, a DataArray, a Zarr array, a sparse matrix, or whatever
        `numpy.asarray` takes. It is read into memory, and left as it was.
    lonlat : array_like, shape (n, 2), or a data frame, optional
        Longitude (from -180 to 180, or to 360) and latitude of the rows, degrees; by name where columns are named.
        Adds the column neighbour_radius_km.
    estimators : sequence of str, or mapping
        Names of leaves of config/estimator; or name -> leaf, for arguments of your own.
    k : int, optional
        Neighbours of each point for the local estimators (those with an aggregation), in place of their leaves' own;
        global ones (TwoNN, CorrInt, Gride, FisherS) keep theirs.
    subsampling : mapping, optional
        `draws` and `seed` of half samples, from whose spread each estimator without an interval of its own gets one;
        no interval with more than `up_to` points, where that is given.

    Returns
    -------
    DataFrame
        One row an estimator, with n (rows of the array), estimator, k, aggregation, value, low, high and interval
        (empty where there is none), neighbour_radius_km (only with `lonlat`: the median distance on the ground to
        the k-th nearest other point, km; empty for an estimator without k), above_ambient, duplicates_dropped, library,
        library_version and note. An estimator that fails on these points, or gives what no dimension can be, has an
        empty value and the reason as its note, which is warned of too; so has an interval that half samples do not
        give.

    Warns
    -----
    UserWarning
        For every row with a note.

    Raises
    ------
    ValueError
        If the array is not a finite matrix of enough distinct rows, has masked rows or values that look like no data
        (see `earthdim.data.plausibility`), or columns that are no features beside numbered ones, `lonlat` does not
        fit it, an estimator is not known, or `k` does not fit the number of points.
    earthdim.estimation.estimators.EstimateError
        If no estimator gives a value, or an argument of one is wrong whatever the points. It is a ValueError.
    FileNotFoundError
        If estimators are named and their leaves are not at hand.

    Warns
    -----
    UserWarning
        If columns or places look odd: an identifier among features, rows of zeros, radians.
    """
    # Here, so that `import earthdim` stays cheap.
    from earthdim.estimation.estimators import Evidence
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
        return _told(measure_scale(values, _places(lonlat), [len(values)], leaves, depth, subsampling))
    prepared = prepare(values)
    graph = _graph(prepared.points, leaves, whole=k is not None)
    rows, _ = measure(Evidence(prepared, graph), leaves, subsampling)
    return _told(rows.assign(n=len(values))[["n", *ESTIMATE]])


def _told(rows: "pd.DataFrame") -> "pd.DataFrame":
    """The rows, once it is said which lack something; EstimateError where all lack their value."""
    from earthdim.estimation.estimators import EstimateError

    if rows["value"].isna().all():
        raise EstimateError("; ".join(dict.fromkeys(rows["note"])))
    for row in rows[rows["note"] != ""].itertuples():
        warnings.warn(f"{row.estimator}: {row.note}", UserWarning, stacklevel=3)
    return rows


def _leaves(estimators: Sequence[str] | Mapping[str, Leaf], k: int | None) -> dict[str, Leaf]:
    """Find each estimator's leaf, with the `k` that was asked for."""
    from earthdim.estimation.estimators.estimate import OWN_KEYS
    from earthdim.estimation.estimators.leaves import read_leaf

    if isinstance(estimators, str):
        estimators = [estimators]
    if not isinstance(estimators, Mapping):
        estimators = {name: read_leaf(name) for name in estimators}
    if not estimators:
        raise ValueError("estimators: there are none")
    for name, leaf in estimators.items():
        missing = [key for key in ("_target_", *OWN_KEYS) if key not in leaf]
        if missing:
            raise ValueError(f"estimators: the leaf of {name} lacks {', '.join(missing)}")
    if k is None:
        return dict(estimators)
    local = {
        name: {**leaf, "k": index(k)} for name, leaf in estimators.items() if leaf["aggregation"] != "global"
    }
    return {**estimators, **local}


def _values(array: ArrayLike) -> np.ndarray:
    """Read an array into memory as NumPy has it, and doubt what is in it."""
    from earthdim.data import arrays, plausibility
    from earthdim.data.coordinate_tables.features import strangers

    names = arrays.column_names(array)
    numbered, others = strangers(names)
    of_places = [name for name in names if name.lower() in arrays.LONGITUDES + arrays.LATITUDES]
    if others or len({name.lower() in arrays.LATITUDES for name in of_places}) > 1:
        odd = ", ".join(map(repr, (others or of_places)[:5]))
        beside = f" beside the numbered {numbered}" if others else ", which are coordinates"
        raise ValueError(f"array: has the columns {odd}{beside}; give those of features alone")
    values = arrays.numbers(array)
    if values.ndim != 2:
        return values
    arrays.refuse_missing(values)
    plausibility.refuse_fills(
        values, "array", names or None, "leave such rows out (of the coordinates too), or this column"
    )
    plausibility.tell_odd_columns(values, "array", names or None)
    return values


def _places(lonlat: ArrayLike) -> np.ndarray:
    """Coordinates as their maker meant them, and a word where they look like none."""
    from earthdim.data import arrays, plausibility

    places = arrays.places(lonlat)
    plausibility.tell_odd_places(places)
    return places


def _graph(points: np.ndarray, leaves: Mapping[str, Leaf], whole: bool) -> "Graph":
    """Search the neighbours that the estimators read, where not `whole` as many as there are; none if none is read."""
    from earthdim.estimation.estimators.estimate import READS
    from earthdim.estimation.measure import graph_depth
    from earthdim.estimation.neighbours import Graph, knn

    if not any(READS[leaf["reads"]].of_graph for leaf in leaves.values() if leaf["reads"] in READS):
        return Graph(np.empty((len(points), 0)), np.empty((len(points), 0), dtype=np.int64))
    depth = graph_depth(leaves)
    return knn(points, depth if whole else min(depth, len(points) - 2))
