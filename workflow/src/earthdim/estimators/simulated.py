"""Estimators that draw at random: samples of the points (KNN), or balls to compare them with (DANCo)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import skdim.id
from scipy.spatial.distance import pdist, squareform
from skdim.datasets import hyperBall

from earthdim.estimators.estimate import ArgumentError


@dataclass
class KNN:
    """Dimension from how the length of the neighbour graph grows with the number of points.

    Equal to scikit-dimension's KNN with the same seed, which computes the distances of all pairs of points for the
    few that it draws. Samples are drawn with replacement, as there: they must be few against the points, or their
    coincidences look like a low dimension.

    Parameters
    ----------
    k : int
        The number of neighbours of each point of a sample.
    ps : sequence of int or None
        The sizes of the samples, each above `k`; None: k + 1 .. k + 4.
    M : int
        The number of samples of each size.
    gamma : float
        The power of the distances that are summed.
    random_state : int
        Seed of the draws.

    Attributes
    ----------
    dimension_ : float
        A whole number, from 1 to the number of columns.

    References
    ----------
    Carter, K. M., Raich, R. and Hero, A. O. (2010), On local intrinsic dimension estimation and its applications,
    IEEE Transactions on Signal Processing 58, 650-663.
    """

    k: int
    ps: Sequence[int] | None
    M: int
    gamma: float
    random_state: int

    def fit(self, points: np.ndarray) -> None:
        """Estimate from points (n, d).

        Raises
        ------
        ValueError
            If a sample would have no more than `k` points, or more than there are.
        """
        sizes = np.arange(self.k + 1, self.k + 5) if self.ps is None else np.asarray(self.ps)
        n, d = points.shape
        if sizes.min() <= self.k or sizes.max() > n:
            raise ValueError(
                f"ps: must lie in {self.k + 1} .. {n}, above k and within the points, is {sizes.tolist()}"
            )
        random = np.random.RandomState(self.random_state)
        length = np.empty((len(sizes), self.M))
        for row, size in enumerate(sizes):
            for column in range(self.M):
                sample = points[random.randint(0, n, size)]
                nearest = np.sort(squareform(pdist(sample)), axis=1)[:, 1 : self.k + 1]
                length[row, column] = (nearest**self.gamma).sum()
        # Lengths grow like c size^((m - gamma) / m): the m whose best c leaves the least squares.
        errors = np.empty(d)
        for m in range(1, d + 1):
            growth = sizes ** ((m - self.gamma) / m)
            c = (growth * length.sum(axis=1)).sum() / ((growth**2).sum() * self.M)
            errors[m - 1] = ((length - (c * growth)[:, None]) ** 2).sum()
        self.dimension_ = float(np.argmin(errors) + 1)


class DANCo(skdim.id.DANCo):
    """Dimension from the concentration of angles and norms, by comparison with uniform balls of the same size.

    scikit-dimension 0.5.0 hands its `k` to the simulated calibration in the place of the largest dimension: the norms
    of every ball then look like those of `k` dimensions at most, and above that angles alone decide. Here each ball's
    own dimension may be found.

    Parameters
    ----------
    k : int
        Neighbours whose angles are read; one more is searched.
    D : int
        The largest dimension of a ball. The cost grows with D times the number of points.
    ver : {"DANCo", "DANCoFit"}
        Balls simulated for this number of points, or scikit-dimension's table of such simulations, which is for
        k = 10, D up to 100 and 20 to 5,000 points.
    fractal : bool
        Whether the estimate lies between whole numbers.
    random_state : int
        Seed of the balls.
    limit : int
        The largest number of points that is accepted.

    Attributes
    ----------
    dimension_ : float

    References
    ----------
    Ceruti, C., Bassis, S., Rozza, A., Lombardi, G., Casiraghi, E. and Campadelli, P. (2014), DANCo: an intrinsic
    dimensionality estimator exploiting angle and norm concentration, Pattern Recognition 47, 2569-2581.
    """

    def __init__(self, k: int, D: int, ver: str, fractal: bool, random_state: int, limit: int) -> None:
        super().__init__(k=k, D=D, ver=ver, fractal=fractal, random_state=random_state)
        self.limit = limit

    def fit(self, X: np.ndarray, y: None = None) -> "DANCo":
        """Estimate from points (n, d).

        Raises
        ------
        ValueError
            If the version is unknown, there are more than `limit` points, or no ball of fewer than `D` dimensions
            is the most alike.
        """
        if self.ver not in ("DANCo", "DANCoFit"):
            raise ArgumentError(f"ver: must be DANCo or DANCoFit, is {self.ver!r}")
        if len(X) > self.limit:
            raise ValueError(
                f"{len(X):,} points are more than its limit of {self.limit:,}: it is too slow for them"
            )
        super().fit(X)
        if self.dimension_ >= self.D:
            raise ValueError(f"reached D = {self.D}, the largest ball that it compares with")
        return self

    def _increaseMaxDimByOne(self, dancoCalDat: dict) -> dict:  # noqa: N802
        """Add the statistics of a ball of one dimension more."""
        d = dancoCalDat["maxdim"] + 1
        ball = hyperBall(dancoCalDat["N"], d, 1, center=[0] * d, random_state=self.random_state_)
        # The likelihood of the distances is searched some way above d, where scikit-dimension stops at k.
        dancoCalDat["calibration_data"].append(self._dancoDimEstNoCalibration(ball, 2 * d + 5))
        dancoCalDat["maxdim"] = d
        return dancoCalDat
