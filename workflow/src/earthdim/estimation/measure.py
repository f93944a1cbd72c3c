"""Intrinsic dimension of one embedding: every estimator and the local map from one graph, as rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from earthdim.estimation.estimators import ArgumentError, Estimate, Evidence, estimate, library
from earthdim.estimation.estimators.estimate import READS
from earthdim.estimation.neighbours import Graph, Prepared, knn, prepare
from earthdim.estimation.uncertainty import Interval, half_samples, subsampling_interval
from earthdim.geo import neighbour_radius_km
from earthdim.omissions import OmittedError
from earthdim.storage.schema import ESTIMATE, TARGET

ROW_TYPES = {"k": "Int64", "value": "float64", "low": "float64", "high": "float64"}
"""The columns that may be empty, with the type that they have even where all their cells are."""


@dataclass(frozen=True)
class LocalDimension:
    """Dimension at each kept point.

    Attributes
    ----------
    value : ndarray (m,)
        Local intrinsic dimension, finite.
    kept : int ndarray (m,)
        Rows of the embedding that remain after duplicates are dropped, and those without a finite value.
    radius_km : ndarray (m,)
        Great-circle distance from each kept point to the k-th nearest other distinct point, kilometres.
    k : int
        Neighbours of each point.
    note : str
        Where points are left out, how many; else nothing.
    """

    value: np.ndarray
    kept: np.ndarray
    radius_km: np.ndarray
    k: int
    note: str = ""

    def told(self, rows: pd.DataFrame, number: int) -> pd.DataFrame:
        """Rows of `measure`, with the note in that of the map's estimator, the one of this number."""
        said = [rows["note"].iloc[number], self.note]
        note = rows["note"].to_list()
        note[number] = "; ".join(filter(None, said))
        return rows.assign(note=note)


def measure(
    evidence: Evidence,
    estimators: Mapping[str, Mapping[str, Any]],
    subsampling: Mapping[str, int] | None = None,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Run every estimator on one embedding.

    Parameters
    ----------
    evidence : Evidence
        The embedding's distinct rows, centred and rescaled, and their exact kNN graph.
    estimators : mapping
        Name -> leaf of config/estimator.
    subsampling : mapping, optional
        How the interval of an estimator without one of its own is made: `draws` half samples from `seed` (see
        `earthdim.estimation.uncertainty`), with at most `up_to` points where that is given. Otherwise there is none.

    Returns
    -------
    rows : DataFrame
        One row an estimator, with the columns of dimension.csv that belong to it; low, high and interval are empty
        where there is no interval. Where an estimator fails on these points or gives what no dimension can be, its
        value is empty, and where its half samples do, its interval; `note` then says why.
    local : dict
        Estimator -> pointwise values (m,), for the local ones; always from all points.

    Raises
    ------
    ArgumentError, ValueError
        If an argument of an estimator is wrong whatever the points, or the graph is not deep enough.
    """
    results, notes = {}, {}
    for name, leaf in estimators.items():
        try:
            results[name] = estimate(leaf, evidence)
        except ArgumentError:
            raise
        except OmittedError as error:
            notes[name] = str(error)
    intervals = {}
    if subsampling is not None and len(evidence.prepared.points) <= subsampling.get("up_to", np.inf):
        without = {name: leaf for name, leaf in estimators.items() if name in results}
        without = {name: leaf for name, leaf in without.items() if not results[name].interval}
        intervals, without_interval = _subsampled(evidence, without, results, subsampling)
        notes |= without_interval
    dropped = evidence.prepared.duplicates_dropped
    rows = []
    for name, leaf in estimators.items():
        found = intervals.get(name, results.get(name))
        above = name in results and results[name].above_ambient
        rows.append(_row(name, leaf, found, above, dropped, notes.get(name, "")))
    local = {name: result.local for name, result in results.items() if result.local is not None}
    return pd.DataFrame(rows).astype(ROW_TYPES), local


def measure_embedding(
    embedding: np.ndarray,
    search: Callable[[Prepared], Graph],
    estimators: Mapping[str, Mapping[str, Any]],
    subsampling: Mapping[str, int] | None = None,
) -> tuple[pd.DataFrame, dict[str, np.ndarray], Prepared | None]:
    """Prepare one embedding and measure it; see `measure`.

    Parameters
    ----------
    embedding : ndarray (n, d)
    search : callable
        From the prepared points to their graph.
    estimators, subsampling
        As in `measure`.

    Returns
    -------
    rows, local
        As in `measure`. Where the points cannot be measured at all, since they are too few or all the same, all
        values are empty.
    prepared : Prepared or None
        None where the points cannot be measured.
    """
    try:
        prepared = prepare(embedding)
    except OmittedError as error:
        rows = [_row(name, leaf, None, False, None, str(error)) for name, leaf in estimators.items()]
        return pd.DataFrame(rows).astype(ROW_TYPES), {}, None
    return *measure(Evidence(prepared, search(prepared)), estimators, subsampling), prepared


def _row(
    name: str,
    leaf: Mapping[str, Any],
    found: Estimate | Interval | None,
    above_ambient: bool,
    duplicates_dropped: int | None,
    note: str = "",
) -> dict[str, Any]:
    """What a table says of one estimate; of None, that there is none."""
    made_by, version = library(leaf)
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
        "library": made_by,
        "library_version": version,
        "note": note,
    }


def graph_depth(estimators: Mapping[str, Mapping[str, Any]]) -> int:
    """The largest k that an estimator reads off the graph; 1 where none reads it."""
    return max((leaf["k"] for leaf in estimators.values() if READS[leaf["reads"]].of_graph), default=1)


def _subsampled(
    evidence: Evidence,
    estimators: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, Estimate],
    subsampling: Mapping[str, int],
) -> tuple[dict[str, Interval], dict[str, str]]:
    """The interval of each estimator from half samples, which all of them share, or why it has none."""
    n = len(evidence.prepared.points)
    notes = {
        name: f"no interval: half of {n} points are too few for k = {leaf['k']}"
        for name, leaf in estimators.items()
        if graph_depth({name: leaf}) >= n // 2 - 1
    }
    fitting = {name: leaf for name, leaf in estimators.items() if name not in notes}
    if not fitting:
        return {}, notes
    halves: dict[str, list[float]] = {name: [] for name in fitting}
    drawn = half_samples(evidence, graph_depth(fitting), subsampling["draws"], subsampling["seed"])
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


def with_radius(rows: pd.DataFrame, lonlat: np.ndarray, prepared: Prepared | None) -> pd.DataFrame:
    """Say beside each estimate how far on the ground its neighbourhoods reach.

    This is the one definition of the neighbour radius; captions, tables and the library read it.

    Parameters
    ----------
    rows : DataFrame
        Estimates, with the column k.
    lonlat : ndarray (n, 2)
        Longitude and latitude, degrees, of all points.
    prepared : Prepared or None
        The distinct ones that were measured; None where none could be.

    Returns
    -------
    DataFrame
        The rows with the column neighbour_radius_km: the median over the points of the great-circle distance to the
        k-th nearest other point, km; empty for an estimator without k, and where there are not so many points.
    """
    at = lonlat[:0] if prepared is None else lonlat[prepared.kept]
    reaches = [int(k) for k in rows["k"].dropna().unique() if k < len(at)]
    radius = {k: float(np.median(neighbour_radius_km(at, k))) for k in reaches}
    return rows.assign(neighbour_radius_km=rows["k"].map(radius).astype("float64"))


def local_map(
    prepared: Prepared, local: Mapping[str, np.ndarray], lonlat: np.ndarray, name: str, k: int
) -> LocalDimension:
    """The pointwise values of one local estimator with the reach of its neighbourhoods on the ground.

    Points where the value is not finite are left out, which `note` of the result tells.

    Raises
    ------
    ValueError
        If the estimator gives no pointwise values.
    """
    if name not in local:
        raise ValueError(f"local_estimator: {name} gives no value at each point")
    finite = np.isfinite(local[name])
    lacking = np.count_nonzero(~finite)
    note = (
        f"the map lacks {lacking} of {len(finite)} points: the value there is not finite" if lacking else ""
    )
    radius = neighbour_radius_km(lonlat[prepared.kept], k)
    return LocalDimension(local[name][finite], prepared.kept[finite], radius[finite], k, note)


def no_map(k: int) -> LocalDimension:
    """A map of no point."""
    return LocalDimension(np.empty(0), np.empty(0, dtype=np.int64), np.empty(0), k)


def measure_activations(
    activations: Mapping[tuple[str, str, str], Sequence[np.ndarray]],
    places: Mapping[str, Sequence[np.ndarray]],
    name: str,
    leaf: Mapping[str, Any],
) -> pd.DataFrame:
    """Dimension of the penultimate activations of supervised heads on their test folds.

    Every head is measured by itself and the folds' values are averaged: activations of different heads live in
    different spaces and are never pooled.

    Parameters
    ----------
    activations : mapping
        (task, split, head) -> one array (n_test, width) a fold.
    places : mapping
        Split -> longitude and latitude, degrees, of each fold's test points, (n_test, 2).
    name : str
        The estimator's name.
    leaf : mapping
        Its leaf.

    Returns
    -------
    DataFrame
        One row a task, split and head: the mean over folds as value, the lowest and highest fold as low and high;
        neighbour_radius_km is the mean over folds of what `with_radius` says of one. Where a fold's activations are
        too few, constant, or give what no dimension can be, value and radius are empty, and `note` says why.

    Raises
    ------
    ArgumentError, ValueError
        As `measure`, and if an activation is not finite.
    """
    rows = []
    for (task, split, head), folds in activations.items():
        # n: what one estimate saw; folds are measured apart.
        of = {"task": task, "split": split, "head": head, "n": round(np.mean([len(fold) for fold in folds]))}
        rows.append({**of, **_activation_row(folds, places[split], name, leaf)})
    columns = [*TARGET, "n", *ESTIMATE, "neighbour_radius_km"]
    return pd.DataFrame(rows, columns=columns).astype({**ROW_TYPES, "neighbour_radius_km": "float64"})


def _activation_row(
    folds: Sequence[np.ndarray], places: Sequence[np.ndarray], name: str, leaf: Mapping[str, Any]
) -> dict[str, Any]:
    """What the table says of the activations of one head."""
    values, reaches, dropped, above = [], [], 0, False
    for number, fold in enumerate(folds):
        try:
            prepared = prepare(fold)
            graph = knn(prepared.points, min(leaf["k"], len(prepared.points) - 2))
            result = estimate(leaf, Evidence(prepared, graph))
        except ArgumentError:
            raise
        except OmittedError as error:
            row = _row(name, leaf, None, False, None, f"activations of fold {number}: {error}")
            return {**row, "neighbour_radius_km": None}
        values.append(result.value)
        reach = with_radius(pd.DataFrame({"k": [leaf["k"]]}), places[number], prepared)
        reaches.append(reach["neighbour_radius_km"][0])
        dropped += prepared.duplicates_dropped
        above |= result.above_ambient
    found = Interval(float(np.mean(values)), min(values), max(values), f"range of {len(values)} folds")
    return {**_row(name, leaf, found, above, dropped), "neighbour_radius_km": float(np.mean(reaches))}
