"""One way to run every estimator: built from its leaf, given what it reads, refused when it makes no sense.

An estimator's leaf names a class with the contract of scikit-dimension (`fit`, then `dimension_` or, where it is local,
`dimension_pw_`), its arguments, and keys of our own:

``reads``
    What the class is fitted to:

    ==============  ===================================================================================
    ``neighbours``  the points with the `k` nearest neighbours of each (scikit-dimension's local classes)
    ``distances``   the distances to the `k` nearest neighbours alone
    ``graph``       the points and the whole graph (classes of ours)
    ``points``      the points alone
    ``spectrum``    the `Spectrum` of the points (classes of ours)
    ``variances``   the principal variances of the points, and their number as the argument `n_samples`
                    (scikit-dimension's lPCA)
    ==============  ===================================================================================
``k``
    The number of neighbours that are read. With ``graph`` it is an argument of the class too; with ``points``,
    ``spectrum`` and ``variances`` it is null, or an argument of the class.
``name``
    What tables call it, where that is not the leaf's own name: one estimator at several k.
``aggregation``
    How the pointwise values of a local estimator become one: ``harmonic-mean``, ``mean`` or ``median``.
    ``global`` where the estimator gives one value by itself.

A class that knows the interval of its own value has it as `interval_`: low, high, and how it was made.

References
----------
Bac, J., Mirkes, E. M., Gorban, A. N., Tyukin, I. and Zinovyev, A. (2021), Scikit-dimension: a Python package
for intrinsic dimension estimation, Entropy 23, 1368.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from earthdim.build import build
from earthdim.estimation.estimators.embedding import Evidence
from earthdim.omissions import OmittedError

OWN_KEYS = ("reads", "k", "aggregation")
NAME = "name"

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


class EstimateError(OmittedError):
    """An estimator failed, or gave a value that no dimension can have."""


class ArgumentError(EstimateError):
    """An argument of an estimator is wrong, whatever the points."""


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
    low, high : float or None
        The ends of the estimator's own interval, where it has one.
    interval : str
        How that interval was made; empty where there is none.
    """

    value: float
    local: np.ndarray | None
    above_ambient: bool
    low: float | None = None
    high: float | None = None
    interval: str = ""


@dataclass(frozen=True)
class Reading:
    """What one value of `reads` means.

    Attributes
    ----------
    fit : callable
        Fits an estimator to its part of the evidence; takes the estimator, k and the evidence.
    aggregations : tuple of str
        Those that a leaf may name.
    of_graph : bool
        Whether `k` counts neighbours of the graph.
    k_argument : bool
        Whether a `k` that is not null is handed to the class.
    filled : callable
        Arguments that only the evidence knows.
    """

    fit: Callable[[Any, Any, Evidence], Any]
    aggregations: tuple[str, ...]
    of_graph: bool
    k_argument: bool
    filled: Callable[[Evidence], dict[str, Any]] = lambda evidence: {}


def _fit_neighbours(estimator: Any, k: int, evidence: Evidence) -> None:
    # scikit-dimension reads every column that it is given; n_neighbors only keeps it from warning of its own default.
    arrays = (evidence.graph.distance[:, :k], evidence.graph.index[:, :k])
    estimator.fit(evidence.prepared.points, precomputed_knn_arrays=arrays, n_neighbors=k)


READS = {
    "neighbours": Reading(_fit_neighbours, tuple(AGGREGATIONS), True, False),
    "distances": Reading(
        lambda e, k, evidence: e.fit(evidence.graph.distance[:, :k]), (GLOBAL,), True, False
    ),
    "graph": Reading(
        lambda e, k, evidence: e.fit(evidence.prepared.points, evidence.graph),
        (*AGGREGATIONS, GLOBAL),
        True,
        True,
    ),
    "points": Reading(lambda e, k, evidence: e.fit(evidence.prepared.points), (GLOBAL,), False, True),
    "spectrum": Reading(lambda e, k, evidence: e.fit(evidence.spectrum), (GLOBAL,), False, True),
    "variances": Reading(
        lambda e, k, evidence: e.fit(evidence.spectrum.variances),
        (GLOBAL,),
        False,
        True,
        lambda evidence: {"n_samples": evidence.spectrum.n},
    ),
}


def estimate(leaf: Mapping[str, Any], evidence: Evidence) -> Estimate:
    """Estimate the intrinsic dimension of points.

    Parameters
    ----------
    leaf : mapping
        An estimator of config/estimator.
    evidence : Evidence
        The points, and their graph with at least as many neighbours as the leaf's `k`.

    Raises
    ------
    ValueError
        If the leaf is not an estimator's, or the graph does not fit it.
    OmittedError
        If there are too few points for the leaf's `k`.
    EstimateError
        If the estimator fails, or its value is not finite, not positive, or above 1.5 times the number of
        columns along which the points vary.
    """
    _check(leaf, evidence)
    title = _title(leaf)
    estimator = _estimator(leaf, evidence)
    # Divisions by zero are how scikit-dimension treats the border of a neighbourhood; the result is judged.
    with np.errstate(all="ignore"):
        try:
            READS[leaf["reads"]].fit(estimator, leaf["k"], evidence)
        except ValueError as error:
            kind = ArgumentError if isinstance(error, ArgumentError) else EstimateError
            raise kind(f"{title}: {error}") from error
        if leaf["aggregation"] == GLOBAL:
            local = None
            value = float(_result(estimator, "dimension_", title))
        else:
            local = np.asarray(_result(estimator, "dimension_pw_", title), dtype=np.float64)
            value = float(AGGREGATIONS[leaf["aggregation"]](local))
    above = _above_ambient(title, value, evidence.ambient)
    low, high, interval = getattr(estimator, "interval_", (None, None, ""))
    return Estimate(value, local, above, low, high, interval)


def library(leaf: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name and the version of the distribution that an estimator comes from."""
    name = DISTRIBUTIONS[leaf["_target_"].partition(".")[0]]
    return name, version(name)


def _check(leaf: Mapping[str, Any], evidence: Evidence) -> None:
    """Raise ValueError unless the leaf is complete and fits the graph."""
    missing = [key for key in ("_target_", *OWN_KEYS) if key not in leaf]
    if missing:
        raise ValueError(f"{', '.join(missing)}: missing from the estimator {dict(leaf)!r}")
    reads, k, aggregation = (leaf[key] for key in OWN_KEYS)
    if reads not in READS:
        raise ValueError(f"reads: must be one of {', '.join(READS)}, is {reads!r}")
    choices = READS[reads].aggregations
    if aggregation not in choices:
        raise ValueError(
            f"aggregation: must be {' or '.join(choices)} where {reads} are read, is {aggregation!r}"
        )
    neighbours, points = evidence.graph.k, len(evidence.prepared.points)
    if READS[reads].of_graph and not (isinstance(k, int) and 2 <= k <= neighbours):
        # A graph that is as deep as its points allow is no mistake of whoever made it.
        if isinstance(k, int) and k > points - 2 == neighbours:
            raise OmittedError(f"{points} distinct points are too few for k = {k}")
        raise ValueError(f"k: must lie in 2 .. {neighbours}, the neighbours in the graph, is {k!r}")


def _title(leaf: Mapping[str, Any]) -> str:
    """What errors call an estimator."""
    k = "" if leaf["k"] is None else f"k = {leaf['k']}, "
    return f"{leaf['_target_']} ({k}{leaf['aggregation']})"


def _estimator(leaf: Mapping[str, Any], evidence: Evidence) -> Any:
    """Build the object that a leaf describes."""
    reading = READS[leaf["reads"]]
    arguments = {key: value for key, value in leaf.items() if key not in (*OWN_KEYS, NAME)}
    if reading.k_argument and leaf["k"] is not None:
        arguments["k"] = leaf["k"]
    # Importing skdim.id switches off every warning of the process; this restores them.
    with warnings.catch_warnings():
        return build({**arguments, **reading.filled(evidence)})


def _result(estimator: Any, attribute: str, title: str) -> Any:
    """Return what an estimator found; ValueError where it does not give that."""
    if not hasattr(estimator, attribute):
        raise ValueError(f"aggregation: {title} gives no {attribute}")
    return getattr(estimator, attribute)


def _above_ambient(title: str, value: float, ambient: int) -> bool:
    """Return whether a value lies above the ambient dimension; EstimateError where it makes no sense."""
    if not np.isfinite(value) or value <= 0:
        raise EstimateError(f"{title} gave {value}, which is no dimension")
    if value > REFUSED_ABOVE * ambient:
        raise EstimateError(
            f"{title} gave {value:.2f}, above {REFUSED_ABOVE} times the {ambient} columns that vary"
        )
    return value > MARKED_ABOVE * ambient
