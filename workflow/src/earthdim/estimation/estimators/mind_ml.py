"""Minimum neighbour distance, maximum likelihood (MiND_ML)."""

from dataclasses import dataclass

import numpy as np
import skdim.id

from earthdim.estimation.estimators.estimate import ArgumentError
from earthdim.estimation.neighbours import Graph


@dataclass
class MiNDML:
    """Maximum likelihood from the ratio of the nearest to the farthest of `k` neighbours.

    Parameters
    ----------
    k : int
        Number of neighbours used. scikit-dimension and the authors count one less: their k is the number of neighbours
        inside the ball bounded by the last one.
    D : int
        Largest dimension considered.
    ver : {"MLk", "MLi"}
        MLk returns a real number, MLi the best integer.

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
        ArgumentError
            If `ver` is unknown.
        ValueError
            If the neighbours of a point are all at the same distance, or the best dimension is not below `D`.
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
