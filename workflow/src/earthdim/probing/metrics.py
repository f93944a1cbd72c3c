"""Scores of pooled out-of-fold predictions, with intervals from a spatial block bootstrap.

Every score is a function of sums over points. The sums are computed once per block, and a bootstrap replicate is a
weighted sum of blocks, so a thousand replicates cost one matrix product.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earthdim.geo import equal_area_blocks
from earthdim.omissions import OmittedError

Statistic = Callable[[NDArray], NDArray]
"""Maps sums over points, shape (replicates, k), to scores, shape (replicates,)."""


@dataclass(frozen=True)
class Score:
    """A score of one set of predictions.

    Attributes
    ----------
    metric : str
    primary : bool
        Whether this is the primary metric of the task.
    value : float
        The score.
    low, high : float or None
        Ends of its interval; None if there is none.
    n : int
        Number of points scored.
    note : str
        Reason for a missing interval; otherwise empty.
    """

    metric: str
    primary: bool
    value: float
    low: float | None
    high: float | None
    n: int
    note: str = ""


class BlockBootstrap:
    """Intervals from resampling whole equal-area blocks with replacement.

    Labels of nearby points are correlated, and so are the errors of a head. Single points are therefore not
    independent, but blocks wider than the correlation length nearly are. The interval is between quantiles of the
    replicates, shifted by their bias: a replicate that misses most of a class scores it on few atypical points, and
    plain quantiles of balanced accuracy over many classes may not even include the value.

    Parameters
    ----------
    degrees : float
        Side of a block at the equator, degrees.
    draws : int
        Number of bootstrap replicates, at least 1.
    level : float
        Coverage of the intervals, in (0, 1).
    seed : int
        Seed of the replicates.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Lahiri (2003), Resampling Methods for Dependent Data, Springer, doi:10.1007/978-1-4757-3803-2.
    """

    def __init__(self, *, degrees: float, draws: int, level: float, seed: int):
        if draws < 1:
            raise ValueError(f"draws must be at least 1, not {draws}")
        if not 0 < level < 1:
            raise ValueError(f"level must be in (0, 1), not {level}")
        self.degrees, self.draws, self.level, self.seed = degrees, draws, level, seed

    def blocks(self, lonlat: NDArray) -> NDArray[np.int64]:
        """Return the block of every point of `lonlat`, shape (n, 2), degrees."""
        return equal_area_blocks(lonlat, self.degrees)

    def intervals(
        self, statistics: Mapping[str, Statistic], sums: NDArray
    ) -> dict[str, tuple[float, float, float]]:
        """Return each score with the ends of its interval; all scores share the same replicates.

        Parameters
        ----------
        statistics : dict
            Metric name to statistic.
        sums : ndarray of float64, shape (blocks, k)
            Sums over the points of each non-empty block.

        Raises
        ------
        OmittedError
            If there are so few blocks that the score of a replicate is undefined.
        """
        number = len(sums)
        rng = np.random.default_rng(self.seed)
        weights = rng.multinomial(number, np.full(number, 1 / number), size=self.draws).astype(np.float64)
        drawn, whole = weights @ sums, sums.sum(axis=0, keepdims=True)
        tail = (1 - self.level) / 2
        found = {}
        for name, statistic in statistics.items():
            with np.errstate(divide="ignore", invalid="ignore"):
                values = statistic(drawn)
            if number < 2 or not np.isfinite(values).all():
                raise OmittedError(
                    f"degrees: {number} blocks of {self.degrees} degrees are too few to draw intervals from"
                )
            value = float(statistic(whole)[0])
            low, high = value + np.quantile(values, [tail, 1 - tail]) - values.mean()
            found[name] = value, float(low), float(high)
        return found

    def scores(
        self, statistics: Mapping[str, Statistic], sums: NDArray
    ) -> dict[str, tuple[float, float | None, float | None, str]]:
        """Return scores as `intervals`, each with a note; if no interval can be computed, the value alone."""
        try:
            found = self.intervals(statistics, sums)
        except OmittedError as error:
            whole = sums.sum(axis=0, keepdims=True)
            note = f"no interval: {error}"
            return {name: (float(score(whole)[0]), None, None, note) for name, score in statistics.items()}
        return {name: (*values, "") for name, values in found.items()}


def regression_scores(
    y: NDArray, predicted: NDArray, block: NDArray, bootstrap: BlockBootstrap
) -> list[Score]:
    """Coefficient of determination (primary), root mean square error and mean absolute error.

    Parameters
    ----------
    y, predicted : ndarray of float64, shape (n,)
        In the unit of the task; `y` is not constant.
    block : ndarray of int64, shape (n,)
        From `BlockBootstrap.blocks`.
    bootstrap : BlockBootstrap
    """
    _, block = np.unique(block, return_inverse=True)
    centred, error = y - y.mean(), predicted - y
    per_point = (np.ones_like(y), centred, centred**2, error**2, np.abs(error))
    sums = np.stack([np.bincount(block, values) for values in per_point], axis=1)
    statistics = {
        "r2": lambda s: 1 - s[:, 3] / (s[:, 2] - s[:, 1] ** 2 / s[:, 0]),
        "rmse": lambda s: np.sqrt(s[:, 3] / s[:, 0]),
        "mae": lambda s: s[:, 4] / s[:, 0],
    }
    found = bootstrap.scores(statistics, sums)
    return [
        Score(name, name == "r2", *bounds, n=len(y), note=note) for name, (*bounds, note) in found.items()
    ]


def classification_scores(
    y: NDArray, predicted: NDArray, known: NDArray, block: NDArray, bootstrap: BlockBootstrap
) -> list[Score]:
    """Balanced accuracy (primary) and accuracy.

    Balanced accuracy is the mean recall over classes, over points whose class occurs in their training fold. Accuracy
    is the share of correct predictions over all points; points of unseen classes count as errors.

    Parameters
    ----------
    y, predicted : ndarray of int64, shape (n,)
        Class codes from 0.
    known : ndarray of bool, shape (n,)
        Whether the class of the point occurs in the training fold.
    block : ndarray of int64, shape (n,)
        From `BlockBootstrap.blocks`.
    bootstrap : BlockBootstrap

    Raises
    ------
    OmittedError
        If no point is `known`.
    """
    if not known.any():
        raise OmittedError("no point is of a class that its training fold holds")
    hit = y == predicted
    scores = []
    for name, rows in (("balanced_accuracy", known), ("accuracy", np.ones_like(known))):
        _, cell = np.unique(block[rows], return_inverse=True)
        if name == "balanced_accuracy":
            _, of = np.unique(y[rows], return_inverse=True)
        else:
            of = np.zeros(len(y), dtype=np.int64)
        table = (int(cell.max()) + 1, int(of.max()) + 1)
        place = np.ravel_multi_index((cell, of), table)
        sums = [np.bincount(place, values, np.prod(table)).reshape(table) for values in (None, hit[rows])]
        statistic = {name: lambda s: _mean_recall(*np.hsplit(s, 2))}
        *bounds, note = bootstrap.scores(statistic, np.hstack(sums).astype(np.float64))[name]
        scores.append(Score(name, name == "balanced_accuracy", *bounds, n=int(rows.sum()), note=note))
    return scores


def balanced_accuracy(y: NDArray, predicted: NDArray) -> float:
    """Return the mean recall over the classes in `y`.

    Parameters
    ----------
    y, predicted : ndarray of int64, shape (n,)
        Class codes from 0.

    Raises
    ------
    OmittedError
        If there are no points.
    """
    if len(y) == 0:
        raise OmittedError("balanced accuracy: no point has a class that was trained on")
    of_class = np.bincount(y)
    hit = np.bincount(y[y == predicted], minlength=len(of_class))
    return float(_mean_recall(of_class[None], hit[None])[0])


def _mean_recall(of_class: NDArray, hit: NDArray) -> NDArray:
    """Mean share of hits over the classes that occur; both arguments have the shape (replicates, classes)."""
    occurs = of_class > 0
    share = np.divide(hit, of_class, out=np.zeros(of_class.shape), where=occurs)
    return share.sum(axis=1) / occurs.sum(axis=1)
