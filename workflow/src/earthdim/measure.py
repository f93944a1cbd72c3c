"""Intrinsic dimension of one embedding: every estimator and the local map from one graph, as rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from earthdim.estimators import Estimate, Evidence, estimate, library
from earthdim.estimators.estimate import READS
from earthdim.geo import neighbour_radius_km
from earthdim.neighbours import Prepared, knn, prepare
from earthdim.uncertainty import Interval, half_samples, subsampling_interval

ROW_COLUMNS = (
    "estimator", "k", "aggregation", "value", "low", "high", "interval", "above_ambient", "duplicates_dropped",
    "library", "library_version",
)  # fmt: skip
"""What tables say of one estimate."""

ROW_TYPES = {"k": "Int64", "low": "float64", "high": "float64"}
"""The columns that may be empty, with the type that they have even where all their cells are."""


@dataclass(frozen=True)
class LocalDimension:
    """Dimension at each kept point.

    Attributes
    ----------
    value : ndarray (m,)
        Local intrinsic dimension.
    kept : int ndarray (m,)
        Rows of the embedding that remain after duplicates are dropped.
    radius_km : ndarray (m,)
        Great-circle distance from each kept point to the k-th nearest other kept point, kilometres.
    k : int
        Neighbours of each point.
    """

    value: np.ndarray
    kept: np.ndarray
    radius_km: np.ndarray
    k: int


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
        `earthdim.uncertainty`), with at most `up_to` points where that is given. Otherwise there is none.

    Returns
    -------
    rows : DataFrame
        One row an estimator, with the columns of dimension.csv that belong to it; low, high and interval are empty
        where there is no interval.
    local : dict
        Estimator -> pointwise values (m,), for the local ones; always from all points.

    Raises
    ------
    EstimateError
        If an estimator fails or gives what no dimension can be.
    ValueError
        If half samples are too small for an estimator's k.
    """
    results = {name: estimate(leaf, evidence) for name, leaf in estimators.items()}
    intervals = {}
    if subsampling is not None and len(evidence.prepared.points) <= subsampling.get("up_to", np.inf):
        without = {name: leaf for name, leaf in estimators.items() if not results[name].interval}
        intervals = _subsampled(evidence, without, results, subsampling)
    dropped = evidence.prepared.duplicates_dropped
    rows = [
        _row(name, leaf, intervals.get(name, results[name]), results[name].above_ambient, dropped)
        for name, leaf in estimators.items()
    ]
    local = {name: result.local for name, result in results.items() if result.local is not None}
    return pd.DataFrame(rows).astype(ROW_TYPES), local


def _row(
    name: str,
    leaf: Mapping[str, Any],
    found: Estimate | Interval,
    above_ambient: bool,
    duplicates_dropped: int,
) -> dict[str, Any]:
    """What a table says of one estimate."""
    made_by, version = library(leaf)
    return {
        "estimator": leaf.get("name", name),
        "k": leaf["k"],
        "aggregation": leaf["aggregation"],
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "interval": found.interval,
        "above_ambient": above_ambient,
        "duplicates_dropped": duplicates_dropped,
        "library": made_by,
        "library_version": version,
    }


def graph_depth(estimators: Mapping[str, Mapping[str, Any]]) -> int:
    """The largest k that an estimator reads off the graph; 1 where none reads it."""
    return max((leaf["k"] for leaf in estimators.values() if READS[leaf["reads"]].of_graph), default=1)


def _subsampled(
    evidence: Evidence,
    estimators: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, Estimate],
    subsampling: Mapping[str, int],
) -> dict[str, Interval]:
    """The interval of each estimator from half samples, which all of them share."""
    if not estimators:
        return {}
    halves: dict[str, list[float]] = {name: [] for name in estimators}
    drawn = half_samples(evidence, graph_depth(estimators), subsampling["draws"], subsampling["seed"])
    for number, half in enumerate(drawn):
        for name, leaf in estimators.items():
            try:
                halves[name].append(estimate(leaf, half).value)
            except ValueError as error:
                raise type(error)(f"half sample {number}: {error}") from error
    n = len(evidence.prepared.points)
    return {name: subsampling_interval(results[name].value, values, n) for name, values in halves.items()}


def with_radius(rows: pd.DataFrame, lonlat: np.ndarray) -> pd.DataFrame:
    """Say beside each estimate how far on the ground its neighbourhoods reach.

    This is the one definition of the neighbour radius; captions, tables and the library read it.

    Parameters
    ----------
    rows : DataFrame
        Estimates, with the column k.
    lonlat : ndarray (m, 2)
        Longitude and latitude, degrees, of the distinct points that were measured.

    Returns
    -------
    DataFrame
        The rows with the column neighbour_radius_km: the median over the points of the great-circle distance to the
        k-th nearest other point, km; empty for an estimator without k, and where there are not so many points.
    """
    reaches = [int(k) for k in rows["k"].dropna().unique() if k < len(lonlat)]
    radius = {k: float(np.median(neighbour_radius_km(lonlat, k))) for k in reaches}
    return rows.assign(neighbour_radius_km=rows["k"].map(radius).astype("float64"))


def local_map(
    prepared: Prepared, local: Mapping[str, np.ndarray], lonlat: np.ndarray, name: str, k: int
) -> LocalDimension:
    """The pointwise values of one local estimator with the reach of its neighbourhoods on the ground.

    Raises
    ------
    ValueError
        If the estimator gives no pointwise values, or one of them is not finite.
    """
    if name not in local:
        raise ValueError(f"local_estimator: {name} gives no value at each point")
    value = local[name]
    if not np.isfinite(value).all():
        raise ValueError(f"local_estimator: {name} is not finite at {np.sum(~np.isfinite(value))} points")
    return LocalDimension(value, prepared.kept, neighbour_radius_km(lonlat[prepared.kept], k), k)


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
        neighbour_radius_km is the mean over folds of what `with_radius` says of one.

    Raises
    ------
    EstimateError, ValueError
        If a fold's activations are too few, constant, or give what no dimension can be.
    """
    rows = []
    for (task, split, head), folds in activations.items():
        values, reaches, dropped, above = [], [], 0, False
        for number, fold in enumerate(folds):
            try:
                prepared = prepare(fold)
                result = estimate(leaf, Evidence(prepared, knn(prepared.points, leaf["k"])))
            except ValueError as error:
                raise type(error)(
                    f"activations of {task}, {split}, {head}, fold {number}: {error}"
                ) from error
            values.append(result.value)
            reach = with_radius(pd.DataFrame({"k": [leaf["k"]]}), places[split][number][prepared.kept])
            reaches.append(reach["neighbour_radius_km"][0])
            dropped += prepared.duplicates_dropped
            above |= result.above_ambient
        found = Interval(float(np.mean(values)), min(values), max(values), f"range of {len(values)} folds")
        # n: what one estimate saw; folds are measured apart.
        of = {"task": task, "split": split, "head": head, "n": round(np.mean([len(fold) for fold in folds]))}
        row = _row(name, leaf, found, above, dropped)
        rows.append({**of, **row, "neighbour_radius_km": float(np.mean(reaches))})
    columns = ["task", "split", "head", "n", *ROW_COLUMNS, "neighbour_radius_km"]
    return pd.DataFrame(rows, columns=columns).astype({**ROW_TYPES, "neighbour_radius_km": "float64"})
