"""One interface to all estimators: build one from its leaf, fit it, and check the value.

A leaf of config/estimator has the keys below, and a key `build` that holds a class and its arguments. All classes share
one contract, that of scikit-dimension: ``fit(data)`` sets `dimension_`, the dimension of the whole set, or for local
estimators `dimension_pw_`, an array of one value per point. ``fit`` raises `ArgumentError` for an invalid argument, and
ValueError for points that it cannot be applied to. A class with an analytic interval also sets `interval_`: low, high,
and the name of the method.

``reads``
    The data passed to ``fit``:

    ==============  ===================================================================================
    ``neighbours``  the points and the `k` nearest neighbours of each (local classes of scikit-dimension)
    ``distances``   the distances to the `k` nearest neighbours
    ``graph``       the points (m, d) and the whole graph (classes of this package)
    ``points``      the points (m, d)
    ``spectrum``    the `Spectrum` of the points (classes of this package)
    ``variances``   the principal variances of the points, with their number as the argument `n_samples`
                    (lPCA of scikit-dimension)
    ==============  ===================================================================================
``k``
    The number of neighbours used. With ``graph`` it is also an argument of the class. With ``points``, ``spectrum`` and
    ``variances`` it is null or an argument of the class.
``name``
    Name in tables, if it differs from the name of the leaf: the same estimator at several k.
``aggregation``
    Reduction of the pointwise values of a local estimator: ``harmonic-mean``, ``mean`` or ``median``; ``global`` if the
    estimator returns a single value.

The points are distinct, centred, and have a median distance to the 20th neighbour of 1 (see
`earthdim.estimation.neighbours.prepare`).

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
from earthdim.estimation.estimators.embedding import PreparedEmbedding
from earthdim.omissions import OmittedError

ENVELOPE = ("reads", "k", "aggregation", "build")
"""Keys of every estimator's leaf; it may also have a `name`."""

AGGREGATIONS = {
    "harmonic-mean": lambda local: 1 / np.mean(1 / local),
    "mean": np.mean,
    "median": np.median,
}

GLOBAL = "global"

FLAGGED_ABOVE = 1.0
"""Ratio of estimate to ambient dimension above which an estimate is flagged."""

REJECTED_ABOVE = 1.5
"""Ratio of estimate to ambient dimension above which an estimate is rejected."""

DISTRIBUTIONS = {"skdim": "scikit-dimension", "earthdim": "earthdim"}


class EstimateError(OmittedError):
    """An estimator failed, or returned a value that cannot be a dimension."""


class ArgumentError(EstimateError):
    """An argument of an estimator is invalid, independently of the points."""


@dataclass(frozen=True)
class Estimate:
    """An estimated intrinsic dimension.

    Attributes
    ----------
    value : float
        Dimension of the whole set of points; finite and positive.
    local : numpy.ndarray or None
        Shape (m,), float64: the value at each point, unchecked. None if the estimator is global.
    above_ambient : bool
        Whether `value` exceeds the number of columns along which the points vary.
    low, high : float or None
        Ends of the estimator's analytic interval, if it has one.
    interval : str
        Method of that interval; empty if there is none.
    """

    value: float
    local: np.ndarray | None
    above_ambient: bool
    low: float | None = None
    high: float | None = None
    interval: str = ""


@dataclass(frozen=True)
class InputKind:
    """Definition of one value of the key `reads`.

    Attributes
    ----------
    fit : callable
        Fits an estimator to its part of the embedding. Arguments: the estimator, k, and the embedding.
    aggregations : tuple of str
        Permitted values of the leaf's `aggregation`.
    of_graph : bool
        Whether `k` is a number of neighbours of the graph.
    k_argument : bool
        Whether a `k` other than null is passed to the class.
    filled : callable
        Returns arguments that are determined by the embedding.
    """

    fit: Callable[[Any, Any, PreparedEmbedding], Any]
    aggregations: tuple[str, ...]
    of_graph: bool
    k_argument: bool
    filled: Callable[[PreparedEmbedding], dict[str, Any]] = lambda embedding: {}


def _fit_neighbours(estimator: Any, k: int, embedding: PreparedEmbedding) -> None:
    # scikit-dimension uses all columns that it is given; n_neighbors only suppresses a warning about its default.
    arrays = (embedding.graph.distance[:, :k], embedding.graph.index[:, :k])
    estimator.fit(embedding.prepared.points, precomputed_knn_arrays=arrays, n_neighbors=k)


READS = {
    "neighbours": InputKind(_fit_neighbours, tuple(AGGREGATIONS), True, False),
    "distances": InputKind(
        lambda e, k, embedding: e.fit(embedding.graph.distance[:, :k]), (GLOBAL,), True, False
    ),
    "graph": InputKind(
        lambda e, k, embedding: e.fit(embedding.prepared.points, embedding.graph),
        (*AGGREGATIONS, GLOBAL),
        True,
        True,
    ),
    "points": InputKind(lambda e, k, embedding: e.fit(embedding.prepared.points), (GLOBAL,), False, True),
    "spectrum": InputKind(lambda e, k, embedding: e.fit(embedding.spectrum), (GLOBAL,), False, True),
    "variances": InputKind(
        lambda e, k, embedding: e.fit(embedding.spectrum.variances),
        (GLOBAL,),
        False,
        True,
        lambda embedding: {"n_samples": embedding.spectrum.n},
    ),
}


def estimate(leaf: Mapping[str, Any], embedding: PreparedEmbedding) -> Estimate:
    """Estimate the intrinsic dimension of an embedding.

    Parameters
    ----------
    leaf : mapping
        A leaf of config/estimator.
    embedding : PreparedEmbedding
        The points, and their graph with at least the leaf's `k` neighbours.

    Raises
    ------
    ValueError
        If the leaf is not a valid estimator, or the graph has too few neighbours for it.
    OmittedError
        If there are too few points for the leaf's `k`.
    EstimateError
        If the estimator fails, or its value is not finite, not positive, or above 1.5 times the number of columns along
        which the points vary.
    """
    _check(leaf, embedding)
    title = _title(leaf)
    estimator = _estimator(leaf, embedding)
    # scikit-dimension divides by zero at the border of a neighbourhood; the result is checked below.
    with np.errstate(all="ignore"):
        try:
            READS[leaf["reads"]].fit(estimator, leaf["k"], embedding)
        except ValueError as error:
            kind = ArgumentError if isinstance(error, ArgumentError) else EstimateError
            raise kind(f"{title}: {error}") from error
        if leaf["aggregation"] == GLOBAL:
            local = None
            value = float(_result(estimator, "dimension_", title))
        else:
            local = np.asarray(_result(estimator, "dimension_pw_", title), dtype=np.float64)
            value = float(AGGREGATIONS[leaf["aggregation"]](local))
    above = _above_ambient(title, value, embedding.ambient)
    low, high, interval = getattr(estimator, "interval_", (None, None, ""))
    return Estimate(value, local, above, low, high, interval)


def library(leaf: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name and the version of the distribution that provides an estimator."""
    name = DISTRIBUTIONS[leaf["build"]["_target_"].partition(".")[0]]
    return name, version(name)


def check_envelope(leaf: Mapping[str, Any]) -> None:
    """Check that an estimator's leaf has the keys `reads`, `k`, `aggregation` and `build`, and no others except `name`.

    Raises
    ------
    ValueError
        Naming the missing or unknown keys.
    """
    if "_target_" in leaf:
        raise ValueError("_target_: moved below build:, together with the arguments of the target")
    missing = [key for key in ENVELOPE if key not in leaf]
    if missing:
        raise ValueError(f"{', '.join(missing)}: missing from the estimator {dict(leaf)!r}")
    # An argument next to build: would otherwise be ignored without a warning.
    unknown = sorted(set(leaf) - {*ENVELOPE, "name"})
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: unknown key; arguments of the target belong below build:")


def _check(leaf: Mapping[str, Any], embedding: PreparedEmbedding) -> None:
    """Raise ValueError if the leaf is incomplete or does not match the graph."""
    check_envelope(leaf)
    reads, k, aggregation = leaf["reads"], leaf["k"], leaf["aggregation"]
    if reads not in READS:
        raise ValueError(f"reads: must be one of {', '.join(READS)}, is {reads!r}")
    allowed = READS[reads].aggregations
    if aggregation not in allowed:
        raise ValueError(
            f"aggregation: must be {' or '.join(allowed)} for reads: {reads}, is {aggregation!r}"
        )
    neighbours, points = embedding.graph.k, len(embedding.prepared.points)
    if READS[reads].of_graph and not (isinstance(k, int) and 2 <= k <= neighbours):
        # The graph has as many neighbours as its points allow, so there are too few points.
        if isinstance(k, int) and k > points - 2 == neighbours:
            raise OmittedError(f"{points} distinct points are too few for k = {k}")
        raise ValueError(f"k: must lie in 2 .. {neighbours}, the neighbours in the graph, is {k!r}")


def _title(leaf: Mapping[str, Any]) -> str:
    """Name of an estimator in error messages."""
    k = "" if leaf["k"] is None else f"k = {leaf['k']}, "
    return f"{leaf['build']['_target_']} ({k}{leaf['aggregation']})"


def _estimator(leaf: Mapping[str, Any], embedding: PreparedEmbedding) -> Any:
    """Build the object described by a leaf."""
    kind = READS[leaf["reads"]]
    k = {"k": leaf["k"]} if kind.k_argument and leaf["k"] is not None else {}
    # Importing skdim.id disables all warnings of the process; this restores them.
    with warnings.catch_warnings():
        return build({**leaf["build"], **k, **kind.filled(embedding)})


def _result(estimator: Any, attribute: str, title: str) -> Any:
    """Return a fitted attribute of an estimator; ValueError if it is not set."""
    if not hasattr(estimator, attribute):
        raise ValueError(f"aggregation: {title} does not set {attribute}")
    return getattr(estimator, attribute)


def _above_ambient(title: str, value: float, ambient: int) -> bool:
    """Return whether a value exceeds the ambient dimension; EstimateError if it cannot be a dimension."""
    if not np.isfinite(value) or value <= 0:
        raise EstimateError(f"{title} gave {value}, which is no dimension")
    if value > REJECTED_ABOVE * ambient:
        raise EstimateError(
            f"{title} gave {value:.2f}, above {REJECTED_ABOVE} times the {ambient} columns that vary"
        )
    return value > FLAGGED_ABOVE * ambient
