"""Dimensionality from angle and norm concentration (DANCo)."""

import numpy as np
import skdim.id
from skdim.datasets import hyperBall

from earthdim.estimation.estimators.estimate import ArgumentError


class DANCo(skdim.id.DANCo):
    """Dimension from the concentration of angles and norms, compared with uniform balls of the same number of points.

    scikit-dimension 0.5.0 passes its `k` to the simulated calibration as the largest dimension. The norms of every ball
    then appear to have at most `k` dimensions, and above that only the angles count. This class removes that limit.

    Parameters
    ----------
    k : int
        Number of neighbours whose angles are used; one more neighbour is searched.
    D : int
        Largest dimension of a ball. The cost is proportional to D times the number of points.
    ver : {"DANCo", "DANCoFit"}
        DANCo simulates balls with this number of points. DANCoFit uses scikit-dimension's table of simulations, which
        is valid for k = 10, D up to 100 and 20 to 5,000 points.
    fractal : bool
        Whether non-integer estimates are allowed.
    random_state : int
        Seed of the balls.
    limit : int
        Maximum number of points.

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
        ArgumentError
            If `ver` is unknown.
        ValueError
            If there are more than `limit` points, or the most similar ball is not below dimension `D`.
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
        """Add the statistics of a ball with one dimension more."""
        d = dancoCalDat["maxdim"] + 1
        ball = hyperBall(dancoCalDat["N"], d, 1, center=[0] * d, random_state=self.random_state_)
        # The maximum likelihood is searched up to 2 d + 5; scikit-dimension stops at k.
        dancoCalDat["calibration_data"].append(self._dancoDimEstNoCalibration(ball, 2 * d + 5))
        dancoCalDat["maxdim"] = d
        return dancoCalDat
