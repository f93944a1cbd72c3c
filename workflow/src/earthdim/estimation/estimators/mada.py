"""Manifold-adaptive dimension estimation (MADA)."""

from dataclasses import dataclass

import numpy as np

from earthdim.estimation.neighbours import Graph


@dataclass
class MADA:
    """Manifold-adaptive dimension at every point, from the ratio of the radii that hold k and k/2 neighbours.

    Parameters
    ----------
    k : int
        The radii are the distances to the `k`-th and the k/2-th neighbour.

    Attributes
    ----------
    dimension_pw_ : numpy.ndarray
        Shape (m,).

    References
    ----------
    Farahmand, A. M., Szepesvari, C. and Audibert, J.-Y. (2007), Manifold-adaptive dimension estimation, ICML.
    """

    k: int

    def fit(self, points: np.ndarray, graph: Graph) -> None:
        """Estimate from the graph of points (m, d)."""
        ratio = graph.distance[:, self.k - 1] / graph.distance[:, self.k // 2 - 1]
        self.dimension_pw_ = np.log(2) / np.log(ratio)
