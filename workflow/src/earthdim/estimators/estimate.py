"""One way to run every estimator: built from its leaf, given what it reads, refused when it makes no sense.

An estimator's leaf names a class with the contract of scikit-dimension (`fit`, `dimension_` and, where it
is local, `dimension_pw_`), its arguments, and keys of our own:

``reads``
    ``neighbours``: the points with the `k` nearest neighbours of each (a local estimator);
    ``distances``: the distances to the `k` nearest neighbours alone; ``points``: the points alone.
``k``
    The number of neighbours that are read. With ``points`` it is null, or an argument of the class.
``name``
    What tables call it, where that is not the leaf's own name: one estimator at several k.
``aggregation``
    How the pointwise values of a local estimator become one: ``harmonic-mean``, ``mean`` or ``median``.
    ``global`` where the estimator gives one value by itself.

References
----------
Bac, J., Mirkes, E. M., Gorban, A. N., Tyukin, I. and Zinovyev, A. (2021), Scikit-dimension: a Python package
for intrinsic dimension estimation, Entropy 23, 1368.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from earthdim.build import build
from earthdim.neighbours import Graph

OWN_KEYS = ("reads", "k", "aggregation")
NAME = "name"

READS = ("neighbours", "distances", "points")

AGGREGATIONS = {
    "harmonic-mean": lambda local: 1 / np.mean(1 / local),
    "mean": np.mean,
    "median": np.median,
}

GLOBAL = "global"

MARKED_ABOVE = 1.0
"""Ratio of the estimate to the ambient dimension above which an estimate is marked."""

REFUSED_ABOVE = 1.5
"""Ratio of the estimate to the ambient dimension above which an estimate is refused."""

DISTRIBUTIONS = {"skdim": "scikit-dimension", "earthdim": "earthdim"}


class EstimateError(ValueError):
    """An estimator failed, or gave a value that no dimension can have."""


@dataclass(frozen=True)
class Estimate:
    """An intrinsic dimension.

    Attributes
    ----------
    value : float
        The dimension of the whole set of points; finite and positive.
    local : numpy.ndarray or None
        Shape (m,), float64: the value at each point, not judged. None where the estimator is global.
    above_ambient : bool
        Whether `value` exceeds the number of columns along which the points vary.
    """

    value: float
    local: np.ndarray | None
    above_ambient: bool


def estimate(leaf: Mapping[str, Any], points: np.ndarray, graph: Graph) -> Estimate:
    """Estimate the intrinsic dimension of points.

    Parameters
    ----------
    leaf : mapping
        An estimator of config/estimator.
    points : numpy.ndarray
        Shape (m, d), the points of a :class:`earthdim.neighbours.Prepared`.
    graph : earthdim.neighbours.Graph
        The graph of `points`, with at least as many neighbours as the leaf's `k`.

    Raises
    ------
    ValueError
        If the leaf is not an estimator's, or the graph does not fit it or the points.
    EstimateError
        If the estimator fails, or its value is not finite, not positive, or above 1.5 times the number of
        columns along which the points vary.
    """
    _check(leaf, points, graph)
    name = f"{leaf['_target_']} (k = {leaf['k']}, {leaf['aggregation']})"
    estimator = _estimator(leaf)
    # Divisions by zero are how scikit-dimension treats the border of a neighbourhood; the result is judged.
    with np.errstate(all="ignore"):
        try:
            _fit(estimator, leaf, points, graph)
        except ValueError as error:
            raise EstimateError(f"{name}: {error}") from error
        if leaf["reads"] == "neighbours":
            local = np.asarray(estimator.dimension_pw_, dtype=np.float64)
            value = float(AGGREGATIONS[leaf["aggregation"]](local))
        else:
            local = None
            value = float(estimator.dimension_)
    return Estimate(value, local, _above_ambient(name, value, int(points.any(axis=0).sum())))


def local_dimension(leaf: Mapping[str, Any], points: np.ndarray, graph: Graph, k: int) -> np.ndarray:
    """Estimate the dimension at every point with a local estimator and a neighbourhood of its own size.

    Parameters
    ----------
    leaf : mapping
        A local estimator of config/estimator; its `k` is replaced.
    points, graph
        As :func:`estimate` takes them.
    k : int
        The number of neighbours.

    Returns
    -------
    numpy.ndarray
        Shape (m,), float64, finite.

    Raises
    ------
    ValueError
        If the estimator is not local, or :func:`estimate` refuses its arguments.
    EstimateError
        If :func:`estimate` refuses the dimension of the whole, or a point has none.
    """
    local = estimate({**leaf, "k": k}, points, graph).local
    if local is None:
        raise ValueError(f"reads: {leaf['_target_']} gives no value at each point")
    failed = np.flatnonzero(~np.isfinite(local))
    if len(failed):
        raise EstimateError(
            f"{leaf['_target_']} (k = {k}) is not finite at {len(failed)} of {len(local)} points, "
            f"the first of them {failed[0]}"
        )
    return local


def library(leaf: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name and the version of the distribution that an estimator comes from."""
    name = DISTRIBUTIONS[leaf["_target_"].partition(".")[0]]
    return name, version(name)


def _check(leaf: Mapping[str, Any], points: np.ndarray, graph: Graph) -> None:
    """Raise ValueError unless the leaf is complete and fits the points and the graph."""
    missing = [key for key in ("_target_", *OWN_KEYS) if key not in leaf]
    if missing:
        raise ValueError(f"{', '.join(missing)}: missing from the estimator {dict(leaf)!r}")
    reads, k, aggregation = (leaf[key] for key in OWN_KEYS)
    if reads not in READS:
        raise ValueError(f"reads: must be one of {', '.join(READS)}, is {reads!r}")
    choices = tuple(AGGREGATIONS) if reads == "neighbours" else (GLOBAL,)
    if aggregation not in choices:
        raise ValueError(
            f"aggregation: must be {' or '.join(choices)} where {reads} are read, is {aggregation!r}"
        )
    if reads != "points" and not (isinstance(k, int) and 2 <= k <= graph.k):
        raise ValueError(f"k: must lie in 2 .. {graph.k}, the neighbours in the graph, is {k!r}")
    if len(points) != len(graph.distance):
        raise ValueError(f"graph: has {len(graph.distance)} points where there are {len(points)}")


def _estimator(leaf: Mapping[str, Any]) -> Any:
    """Build the object that a leaf describes."""
    arguments = {key: value for key, value in leaf.items() if key not in (*OWN_KEYS, NAME)}
    if leaf["reads"] == "points" and leaf["k"] is not None:
        arguments["k"] = leaf["k"]
    # Importing skdim.id switches off every warning of the process; this restores them.
    with warnings.catch_warnings():
        estimator = build(arguments)
    _cache_compiled(type(estimator))
    return estimator


def _cache_compiled(kind: type) -> None:
    """Let numba keep what it compiles for a class on disk: FisherS would take 3 CPU-seconds in every process."""
    for member in vars(kind).values():
        function = getattr(member, "__func__", member)
        if hasattr(function, "enable_caching"):
            function.enable_caching()


def _fit(estimator: Any, leaf: Mapping[str, Any], points: np.ndarray, graph: Graph) -> None:
    """Fit an estimator to the part of the points and the graph that it reads."""
    k = leaf["k"]
    if leaf["reads"] == "points":
        estimator.fit(points)
    elif leaf["reads"] == "distances":
        estimator.fit(graph.distance[:, :k])
    else:
        # scikit-dimension reads every column that it is given, whatever its n_neighbors says.
        estimator.fit(points, precomputed_knn_arrays=(graph.distance[:, :k], graph.index[:, :k]))


def _above_ambient(name: str, value: float, ambient: int) -> bool:
    """Return whether a value lies above the ambient dimension; EstimateError where it makes no sense."""
    if not np.isfinite(value) or value <= 0:
        raise EstimateError(f"{name} gave {value}, which is no dimension")
    if value > REFUSED_ABOVE * ambient:
        raise EstimateError(
            f"{name} gave {value:.2f}, above {REFUSED_ABOVE} times the {ambient} columns that vary"
        )
    return value > MARKED_ABOVE * ambient
