"""Dimensionality from angle and norm concentration (DANCo)."""

import numpy as np
import skdim.id
from skdim.datasets import hyperBall

from earthdim.estimation.estimators.estimate import ArgumentError


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
