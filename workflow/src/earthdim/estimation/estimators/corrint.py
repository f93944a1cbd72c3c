"""Correlation dimension (CorrInt)."""

from dataclasses import dataclass

import numpy as np

from earthdim.estimation.estimators.estimate import ArgumentError
from earthdim.estimation.neighbours import Graph, count_within


@dataclass
class CorrInt:
    """Correlation dimension between the median distances to two neighbours.

    Parameters
    ----------
    k, k1 : int
        The radii are the median distances to the `k1`-th and the `k`-th neighbour, k1 < k; scikit-dimension calls `k`
        k2.

    Attributes
    ----------
    dimension_ : float

    References
    ----------
    Grassberger, P. and Procaccia, I. (1983), Measuring the strangeness of strange attractors, Physica D 9,
    189-208.
    """

    k: int
    k1: int

    def fit(self, points: np.ndarray, graph: Graph) -> None:
        """Estimate from points (m, d) and their graph; ArgumentError if `k1` is not below `k`."""
        if not 1 <= self.k1 < self.k:
            raise ArgumentError(f"k1: must be in 1 .. {self.k - 1}, below k, is {self.k1}")
        radii = np.median(graph.distance[:, [self.k1 - 1, self.k - 1]], axis=0)
        # Share of ordered pairs closer than each radius.
        share = count_within(points, graph, radii) / len(points) ** 2
        self.dimension_ = float(np.diff(np.log(share))[0] / np.log(radii[1] / radii[0]))
