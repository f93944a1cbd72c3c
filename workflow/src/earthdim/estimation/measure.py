"""All estimators and the local dimension map of one embedding, from one graph, as table rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from earthdim.estimation.estimators import ArgumentError, Estimate, PreparedEmbedding, estimate, library
from earthdim.estimation.estimators.estimate import READS
from earthdim.estimation.neighbours import Graph, PreparedPoints, knn, prepare
from earthdim.estimation.uncertainty import Interval, half_samples, subsampling_interval
from earthdim.geo import neighbour_radius_km
from earthdim.omissions import OmittedError
from earthdim.storage.schema import ESTIMATE, TARGET

ROW_TYPES = {"k": "Int64", "value": "float64", "low": "float64", "high": "float64"}
"""Types of the columns that may be empty; they hold even if all cells are empty."""


@dataclass(frozen=True)
class LocalDimension:
    """Local intrinsic dimension at each kept point.

    Attributes
    ----------
    value : ndarray (m,)
        Local intrinsic dimension, finite.
    kept : int ndarray (m,)
        Rows of the embedding, without duplicates and without points whose value is not finite.
    radius_km : ndarray (m,)
        Great-circle distance from each kept point to the k-th nearest other distinct point, kilometres.
    k : int
        Number of neighbours of each point.
    note : str
        Number of points left out; empty if there are none.
    """

    value: np.ndarray
    kept: np.ndarray
    radius_km: np.ndarray
    k: int
    note: str = ""

    def with_note(self, rows: pd.DataFrame, number: int) -> pd.DataFrame:
        """Return the rows of `measure` with the map's note appended to that of row `number`, its estimator."""
        parts = [rows["note"].iloc[number], self.note]
        note = rows["note"].to_list()
        note[number] = "; ".join(filter(None, parts))
        return rows.assign(note=note)


def measure(
    embedding: PreparedEmbedding,
    estimators: Mapping[str, Mapping[str, Any]],
    subsampling: Mapping[str, int] | None = None,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Run every estimator on one embedding.

    Parameters
    ----------
    embedding : PreparedEmbedding
        The prepared points and their exact kNN graph.
    estimators : mapping
        Name -> leaf of config/estimator.
    subsampling : mapping, optional
        Settings of the interval of estimators without an analytic one: `draws` half samples from `seed` (see
        `earthdim.estimation.uncertainty`), for at most `up_to` points if given. Without it there is no such interval.

    Returns
    -------
    rows : DataFrame
        One row per estimator, with its columns of dimension.csv; low, high and interval are empty if there is no
        interval. If an estimator fails on these points or returns a value that cannot be a dimension, its value is
        empty. If its half samples do, its interval is empty. `note` states the reason.
    local : dict
        Estimator -> pointwise values (m,) of the local estimators, always from all points.

    Raises
    ------
    ArgumentError, ValueError
        If an argument of an estimator is invalid independently of the points, or the graph has too few neighbours.
    """
    results, notes = {}, {}
    for name, leaf in estimators.items():
        try:
            results[name] = estimate(leaf, embedding)
        except ArgumentError:
            raise
        except OmittedError as error:
            notes[name] = str(error)
    intervals = {}
    if subsampling is not None and len(embedding.prepared.points) <= subsampling.get("up_to", np.inf):
        without = {name: leaf for name, leaf in estimators.items() if name in results}
        without = {name: leaf for name, leaf in without.items() if not results[name].interval}
        intervals, without_interval = _subsampled(embedding, without, results, subsampling)
        notes |= without_interval
    dropped = embedding.prepared.duplicates_dropped
    rows = []
    for name, leaf in estimators.items():
        found = intervals.get(name, results.get(name))
        above = name in results and results[name].above_ambient
        rows.append(_row(name, leaf, found, above, dropped, notes.get(name, "")))
    local = {name: result.local for name, result in results.items() if result.local is not None}
    return pd.DataFrame(rows).astype(ROW_TYPES), local


def measure_embedding(
    embedding: np.ndarray,
    search: Callable[[PreparedPoints], Graph],
    estimators: Mapping[str, Mapping[str, Any]],
    subsampling: Mapping[str, int] | None = None,
) -> tuple[pd.DataFrame, dict[str, np.ndarray], PreparedPoints | None]:
    """Prepare one embedding and measure it; see `measure`.

    Parameters
    ----------
    embedding : ndarray (n, d)
    search : callable
        Maps the prepared points to their graph.
    estimators, subsampling
        As in `measure`.

    Returns
    -------
    rows, local
        As in `measure`. If the points cannot be measured, because they are too few or all equal, all values are empty.
    prepared : PreparedPoints or None
        None if the points cannot be measured.
    """
    try:
        prepared = prepare(embedding)
    except OmittedError as error:
        rows = [_row(name, leaf, None, False, None, str(error)) for name, leaf in estimators.items()]
        return pd.DataFrame(rows).astype(ROW_TYPES), {}, None
    return *measure(PreparedEmbedding(prepared, search(prepared)), estimators, subsampling), prepared


def _row(
    name: str,
    leaf: Mapping[str, Any],
    found: Estimate | Interval | None,
    above_ambient: bool,
    duplicates_dropped: int | None,
    note: str = "",
) -> dict[str, Any]:
    """Return the table row of one estimate; without a value if `found` is None."""
    distribution, version = library(leaf)
    return {
        "estimator": leaf.get("name", name),
        "k": leaf["k"],
        "aggregation": leaf["aggregation"],
        "value": found and found.value,
        "low": found and found.low,
        "high": found and found.high,
        "interval": found.interval if found else "",
        "above_ambient": above_ambient,
        "duplicates_dropped": duplicates_dropped,
        "library": distribution,
        "library_version": version,
        "note": note,
    }


def graph_depth(estimators: Mapping[str, Mapping[str, Any]]) -> int:
    """Largest k that an estimator reads from the graph; 1 if none reads it."""
    return max((leaf["k"] for leaf in estimators.values() if READS[leaf["reads"]].of_graph), default=1)


def _subsampled(
    embedding: PreparedEmbedding,
    estimators: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, Estimate],
    subsampling: Mapping[str, int],
) -> tuple[dict[str, Interval], dict[str, str]]:
    """Return the interval of each estimator from half samples shared by all, and notes for those without one."""
    n = len(embedding.prepared.points)
    notes = {
        name: f"no interval: half of {n} points are too few for k = {leaf['k']}"
        for name, leaf in estimators.items()
        if graph_depth({name: leaf}) >= n // 2 - 1
    }
    fitting = {name: leaf for name, leaf in estimators.items() if name not in notes}
    if not fitting:
        return {}, notes
    halves: dict[str, list[float]] = {name: [] for name in fitting}
    drawn = half_samples(embedding, graph_depth(fitting), subsampling["draws"], subsampling["seed"])
    for number, half in enumerate(drawn):
        for name in [name for name in halves if name not in notes]:
            try:
                halves[name].append(estimate(fitting[name], half).value)
            except OmittedError as error:
                notes[name] = f"no interval: half sample {number}: {error}"
    whole = {name: values for name, values in halves.items() if name not in notes}
    return {
        name: subsampling_interval(results[name].value, values, n) for name, values in whole.items()
    }, notes


def with_radius(rows: pd.DataFrame, lonlat: np.ndarray, prepared: PreparedPoints | None) -> pd.DataFrame:
    """Add the neighbour radius on the ground to each estimate.

    This is the only definition of the neighbour radius; captions, tables and the library refer to it.

    Parameters
    ----------
    rows : DataFrame
        Estimates, with the column k.
    lonlat : ndarray (n, 2)
        Longitude and latitude, degrees, of all points.
    prepared : PreparedPoints or None
        The distinct points that were measured; None if the points cannot be measured.

    Returns
    -------
    DataFrame
        The rows with the column neighbour_radius_km: the median over the points of the great-circle distance to the
        k-th nearest other point, km. It is empty for an estimator without k, and if there are too few points.
    """
    at = lonlat[:0] if prepared is None else lonlat[prepared.kept]
    depths = [int(k) for k in rows["k"].dropna().unique() if k < len(at)]
    radius = {k: float(np.median(neighbour_radius_km(at, k))) for k in depths}
    return rows.assign(neighbour_radius_km=rows["k"].map(radius).astype("float64"))


def local_map(
    prepared: PreparedPoints, local: Mapping[str, np.ndarray], lonlat: np.ndarray, name: str, k: int
) -> LocalDimension:
    """Return the pointwise values of one local estimator with the ground radius of each neighbourhood.

    Points whose value is not finite are left out and counted in the `note` of the result.

    Raises
    ------
    ValueError
        If the estimator has no pointwise values.
    """
    if name not in local:
        raise ValueError(f"local_estimator: {name} is not local, it has no pointwise values")
    finite = np.isfinite(local[name])
    missing = np.count_nonzero(~finite)
    note = (
        f"the map lacks {missing} of {len(finite)} points: the value there is not finite" if missing else ""
    )
    radius = neighbour_radius_km(lonlat[prepared.kept], k)
    return LocalDimension(local[name][finite], prepared.kept[finite], radius[finite], k, note)


def empty_map(k: int) -> LocalDimension:
    """Return a map without points."""
    return LocalDimension(np.empty(0), np.empty(0, dtype=np.int64), np.empty(0), k)


def measure_activations(
    activations: Mapping[tuple[str, str, str], Sequence[np.ndarray]],
    places: Mapping[str, Sequence[np.ndarray]],
    name: str,
    leaf: Mapping[str, Any],
) -> pd.DataFrame:
    """Dimension of the penultimate activations of supervised heads on their test folds.

    Each head and fold is measured separately and the values of the folds are averaged. Activations of different heads
    lie in different spaces and are never pooled.

    Parameters
    ----------
    activations : mapping
        (task, split, head) -> one array (n_test, width) per fold.
    places : mapping
        Split -> longitude and latitude, degrees, of the test points of each fold, (n_test, 2).
    name : str
        Name of the estimator.
    leaf : mapping
        Its leaf.

    Returns
    -------
    DataFrame
        One row per task, split and head. value is the mean over folds, low and high are the lowest and highest fold,
        and neighbour_radius_km is the mean over folds of the radius of `with_radius`. If the activations of a fold are
        too few, constant, or have an invalid estimate, value and radius are empty and `note` states the reason.

    Raises
    ------
    ArgumentError, ValueError
        As `measure`, and if an activation is not finite.
    """
    rows = []
    for (task, split, head), folds in activations.items():
        # n is the mean number of points per estimate, because folds are measured separately.
        of = {"task": task, "split": split, "head": head, "n": round(np.mean([len(fold) for fold in folds]))}
        rows.append({**of, **_activation_row(folds, places[split], name, leaf)})
    columns = [*TARGET, "n", *ESTIMATE, "neighbour_radius_km"]
    return pd.DataFrame(rows, columns=columns).astype({**ROW_TYPES, "neighbour_radius_km": "float64"})


def _activation_row(
    folds: Sequence[np.ndarray], places: Sequence[np.ndarray], name: str, leaf: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the table row of the activations of one head."""
    values, radii, dropped, above = [], [], 0, False
    for number, fold in enumerate(folds):
        try:
            prepared = prepare(fold)
            graph = knn(prepared.points, min(leaf["k"], len(prepared.points) - 2))
            result = estimate(leaf, PreparedEmbedding(prepared, graph))
        except ArgumentError:
            raise
        except OmittedError as error:
            row = _row(name, leaf, None, False, None, f"activations of fold {number}: {error}")
            return {**row, "neighbour_radius_km": None}
        values.append(result.value)
        radius = with_radius(pd.DataFrame({"k": [leaf["k"]]}), places[number], prepared)
        radii.append(radius["neighbour_radius_km"][0])
        dropped += prepared.duplicates_dropped
        above |= result.above_ambient
    found = Interval(float(np.mean(values)), min(values), max(values), f"range of {len(values)} folds")
    return {**_row(name, leaf, found, above, dropped), "neighbour_radius_km": float(np.mean(radii))}
