"""Dimension from the growth of the length of the k-nearest-neighbour graph (KNN)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist, squareform


@dataclass
class KNN:
    """Dimension from the growth of the total edge length of the neighbour graph with the number of points.

    Equal to scikit-dimension's KNN with the same seed, but computes distances within the samples only instead of
    between all points. Samples are drawn with replacement, as in scikit-dimension. They must be small compared with the
    number of points, because repeated points appear as a low dimension.

    Parameters
    ----------
    k : int
        Number of neighbours of each point of a sample.
    ps : sequence of int or None
        Sizes of the samples, each above `k`; None: k + 1 .. k + 4.
    M : int
        Number of samples of each size.
    gamma : float
        Power of the distances that are summed.
    random_state : int
        Seed of the samples.

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
        """Estimate from points (n, d); ValueError if a size is not above `k`, or exceeds the number of points."""
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
        # Lengths grow as c size^((m - gamma) / m). Choose the m with the least squared error at its optimal c.
        errors = np.empty(d)
        for m in range(1, d + 1):
            growth = sizes ** ((m - self.gamma) / m)
            c = (growth * length.sum(axis=1)).sum() / ((growth**2).sum() * self.M)
            errors[m - 1] = ((length - (c * growth)[:, None]) ** 2).sum()
        self.dimension_ = float(np.argmin(errors) + 1)
