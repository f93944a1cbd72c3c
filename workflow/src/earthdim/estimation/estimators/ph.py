"""Dimension from the growth of minimum spanning trees, the persistent homology of degree 0 (PH)."""

from dataclasses import dataclass

import numpy as np

from earthdim.compiled import njit
from earthdim.estimation.estimators.estimate import ArgumentError
from earthdim.estimation.neighbours.kernels import LANES, squared_distance


@dataclass
class PH:
    """Dimension from the growth of the length of minimum spanning trees with the number of points.

    Equal to scikit-dimension's PH with the same seed, which holds the distances between all points; here the memory is
    one sample of the points. The cost is proportional to the number of trees times the square of the number of points.

    Parameters
    ----------
    alpha : float
        Power of the lengths of the edges that are summed.
    n_range_min, n_range_max : float
        Sizes of the smallest and the largest samples, as shares of the points.
    nsteps : int
        Number of sizes, evenly spaced.
    subsamples : int
        Number of samples of each size, drawn without replacement.
    random_state : int
        Seed of the samples.

    Attributes
    ----------
    dimension_ : float

    References
    ----------
    Schweinhart, B. (2020), Fractal dimension and the persistent homology of random geometric complexes, Advances in
    Mathematics 372, 107291.
    """

    alpha: float
    n_range_min: float
    n_range_max: float
    nsteps: int
    subsamples: int
    random_state: int

    def fit(self, points: np.ndarray) -> None:
        """Estimate from points (n, d).

        Raises
        ------
        ArgumentError
            If an argument is out of its range.
        ValueError
            If the smallest sample has fewer than two points, or all samples have one size.
        """
        self._check()
        n = len(points)
        least, most = (int(np.ceil(share * n)) for share in (self.n_range_min, self.n_range_max))
        if not 2 <= least < most:
            raise ValueError(f"{n} points are too few: the samples would have {least} to {most}")
        steps = np.ceil(np.linspace(least, most, self.nsteps)).astype(int)
        sizes = np.repeat(steps, self.subsamples)
        random = np.random.RandomState(self.random_state)
        length = [
            np.sum(edge_lengths(points[random.choice(n, size, replace=False)]) ** self.alpha)
            for size in sizes
        ]
        # The sum of the lengths grows as size^((m - alpha) / m).
        x, y = np.log(sizes), np.log(length)
        x, y = x - x.mean(), y - y.mean()
        self.dimension_ = float(self.alpha / (1 - (x @ y) / (x @ x)))

    def _check(self) -> None:
        if not self.alpha > 0:
            raise ArgumentError(f"alpha: must be positive, is {self.alpha}")
        if not 0 < self.n_range_min < self.n_range_max <= 1:
            raise ArgumentError(
                f"n_range_min, n_range_max: must ascend within (0, 1], are {self.n_range_min}, {self.n_range_max}"
            )
        if self.nsteps < 2:
            raise ArgumentError(f"nsteps: must be at least 2, is {self.nsteps}")
        if self.subsamples < 1:
            raise ArgumentError(f"subsamples: must be at least 1, is {self.subsamples}")


@njit()
def edge_lengths(points):
    """Return the lengths of the n - 1 edges of the minimum spanning tree of points (n, d), in the order found.

    Distances are computed when they are needed, so the memory is proportional to n.

    References
    ----------
    Prim, R. C. (1957), Shortest connection networks and some generalizations, Bell System Technical Journal 36,
    1389-1401.
    """
    n = len(points)
    lengths, sums = np.empty(n - 1), np.empty(LANES)
    # Points outside the tree, and their squared distances to it.
    outside, squared = np.arange(1, n), np.full(n - 1, np.inf)
    newest = 0
    for edge in range(n - 1):
        remaining, best = n - 1 - edge, 0
        for t in range(remaining):
            squared[t] = min(squared[t], squared_distance(points[newest], points[outside[t]], sums))
            if squared[t] < squared[best]:
                best = t
        lengths[edge] = np.sqrt(squared[best])
        newest = outside[best]
        outside[best], squared[best] = outside[remaining - 1], squared[remaining - 1]
    return lengths
