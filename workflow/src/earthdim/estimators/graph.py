"""Estimators of scikit-dimension that search for neighbours themselves, here on the graph that is there.

Each equals its namesake of scikit-dimension 0.5.0, which computes the distances of all pairs of points (MADA,
CorrInt) or a graph of its own (MiND_ML).
"""

from dataclasses import dataclass

import numpy as np
import skdim.id

from earthdim.estimators.estimate import ArgumentError
from earthdim.neighbours import Graph, count_within


@dataclass
class CorrInt:
    """Correlation dimension between the median distances to two neighbours.

    Parameters
    ----------
    k, k1 : int
        The radii are the medians of the distances to the `k1`-th and the `k`-th neighbour, k1 < k;
        scikit-dimension calls `k` k2.

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
        """Estimate from points (m, d) and their graph.

        Raises
        ------
        ValueError
            If `k1` does not lie below `k`.
        """
        if not 1 <= self.k1 < self.k:
            raise ArgumentError(f"k1: must lie in 1 .. {self.k - 1}, below k, is {self.k1}")
        radii = np.median(graph.distance[:, [self.k1 - 1, self.k - 1]], axis=0)
        # The share of all ordered pairs that are closer than each radius.
        share = count_within(points, graph, radii) / len(points) ** 2
        self.dimension_ = float(np.diff(np.log(share))[0] / np.log(radii[1] / radii[0]))


@dataclass
class MADA:
    """Manifold-adaptive dimension at every point: how many more neighbours a larger ball holds.

    Parameters
    ----------
    k : int
        The balls reach to the `k`-th neighbour and to the k/2-th.

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


@dataclass
class MiNDML:
    """Maximum likelihood of the ratio of the nearest to the farthest of `k` neighbours.

    Parameters
    ----------
    k : int
        The number of neighbours that are read. scikit-dimension and the authors count one less: their k is the
        number of neighbours inside the ball that the last one bounds.
    D : int
        The largest dimension that is tried.
    ver : {"MLk", "MLi"}
        A real number or the best integer.

    Attributes
    ----------
    dimension_ : float

    References
    ----------
    Rozza, A., Lombardi, G., Ceruti, C., Casiraghi, E. and Campadelli, P. (2012), Novel high intrinsic
    dimensionality estimators, Machine Learning 89, 37-65.
    """

    k: int
    D: int
    ver: str

    def fit(self, points: np.ndarray, graph: Graph) -> None:
        """Estimate from the graph of points (m, d).

        Raises
        ------
        ValueError
            If the version is unknown, the neighbours of a point are all at one distance, or no dimension below
            `D` is the best.
        """
        if self.ver not in ("MLk", "MLi"):
            raise ArgumentError(f"ver: must be MLk or MLi, is {self.ver!r}")
        ratio = graph.distance[:, 0] / graph.distance[:, self.k - 1]
        level = int((ratio == 1).sum())
        if level:
            raise ValueError(f"all {self.k} neighbours of {level} points are at one distance")
        reference = skdim.id.MiND_ML(k=self.k - 1, D=self.D, ver=self.ver)
        value = reference._MiND_MLi(ratio)
        if self.ver == "MLk":
            value = reference._MiND_MLk(ratio, value)
        if value >= self.D:
            raise ValueError(f"reached D = {self.D}, the largest dimension that it tries")
        self.dimension_ = float(value)
