"""Intrinsic dimension of one embedding: every estimator and the local map from one graph, as rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from earthdim.estimators import estimate, library
from earthdim.geo import neighbour_radius_km
from earthdim.neighbours import Graph, Prepared, knn, prepare


@dataclass(frozen=True)
class LocalDimension:
    """Dimension at each kept point.

    Attributes
    ----------
    value : ndarray (m,)
        Local intrinsic dimension.
    kept : int ndarray (m,)
        Rows of the embedding that remain after duplicates are dropped.
    radius_km : ndarray (n,)
        Great-circle distance from each point of the sample to its k-th nearest other point, kilometres.
    k : int
        Neighbours of each point.
    """

    value: np.ndarray
    kept: np.ndarray
    radius_km: np.ndarray
    k: int


def measure(
    prepared: Prepared, graph: Graph, estimators: Mapping[str, Mapping[str, Any]]
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Run every estimator on one embedding.

    Parameters
    ----------
    prepared : Prepared
        The embedding's distinct rows, centred and rescaled.
    graph : Graph
        Its exact kNN graph.
    estimators : mapping
        Name -> leaf of config/estimator.

    Returns
    -------
    rows : DataFrame
        One row an estimator, with the columns of dimension.csv that belong to it.
    local : dict
        Estimator -> pointwise values (m,), for the local ones.

    Raises
    ------
    EstimateError
        If an estimator fails or gives what no dimension can be.
    """
    rows, local = [], {}
    for name, leaf in estimators.items():
        result = estimate(leaf, prepared.points, graph)
        made_by, version = library(leaf)
        rows.append(
            {
                "estimator": leaf.get("name", name),
                "k": leaf["k"],
                "aggregation": leaf["aggregation"],
                "value": result.value,
                "above_ambient": result.above_ambient,
                "duplicates_dropped": prepared.duplicates_dropped,
                "library": made_by,
                "library_version": version,
            }
        )
        if result.local is not None:
            local[name] = result.local
    return pd.DataFrame(rows).astype({"k": "Int64"}), local


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
    return LocalDimension(value, prepared.kept, neighbour_radius_km(lonlat, k), k)


def measure_activations(
    activations: Mapping[tuple[str, str, str], Sequence[np.ndarray]], name: str, leaf: Mapping[str, Any]
) -> pd.DataFrame:
    """Dimension of the penultimate activations of supervised heads on their test folds.

    Every head is measured by itself and the folds' values are averaged: activations of different heads live in
    different spaces and are never pooled.

    Parameters
    ----------
    activations : mapping
        (task, split, head) -> one array (n_test, width) a fold.
    name : str
        The estimator's name.
    leaf : mapping
        Its leaf.

    Returns
    -------
    DataFrame
        One row a task, split and head: the mean over folds as value, the lowest and highest fold as low and high.

    Raises
    ------
    EstimateError, ValueError
        If a fold's activations are too few, constant, or give what no dimension can be.
    """
    rows = []
    for (task, split, head), folds in activations.items():
        values, dropped, above = [], 0, False
        for number, fold in enumerate(folds):
            try:
                prepared = prepare(fold)
                result = estimate(leaf, prepared.points, knn(prepared.points, leaf["k"]))
            except ValueError as error:
                raise type(error)(
                    f"activations of {task}, {split}, {head}, fold {number}: {error}"
                ) from error
            values.append(result.value)
            dropped += prepared.duplicates_dropped
            above |= result.above_ambient
        made_by, version = library(leaf)
        rows.append(
            {
                "task": task,
                "split": split,
                "head": head,
                # What one estimate saw: folds are measured apart.
                "n": round(np.mean([len(fold) for fold in folds])),
                "estimator": name,
                "k": leaf["k"],
                "aggregation": leaf["aggregation"],
                "value": float(np.mean(values)),
                "low": min(values),
                "high": max(values),
                "interval": f"range of {len(values)} folds",
                "above_ambient": above,
                "duplicates_dropped": dropped,
                "library": made_by,
                "library_version": version,
            }
        )
    columns = [
        "task",
        "split",
        "head",
        "n",
        "estimator",
        "k",
        "aggregation",
        "value",
        "low",
        "high",
        "interval",
    ]
    columns += ["above_ambient", "duplicates_dropped", "library", "library_version"]
    return pd.DataFrame(rows, columns=columns).astype({"k": "Int64"})
