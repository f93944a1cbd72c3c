"""Ridge regression: the linear head of regression tasks."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from earthdim.probing.heads.base import Head, OutOfFold, Target, check_penalties
from earthdim.probing.splits import Fold


class Ridge(Head):
    """Linear least squares with a squared penalty on the weights, not on the intercept.

    Minimises mean (y - w.x - b)^2 + penalty |w|^2 over standardised features; scikit-learn's ``alpha`` is the penalty
    times the number of training points. The penalty is per point, so that a value selected on smaller inner folds also
    suits the whole training fold. The penalty with the best R2 over all inner folds is used, the larger one in case of
    a tie.

    Parameters
    ----------
    penalties : list of float
        Candidates, per training point.

    References
    ----------
    Hoerl and Kennard (1970), Ridge Regression, Technometrics 12, 55-67, doi:10.1080/00401706.1970.10488634.
    """

    kinds: ClassVar[tuple[str, ...]] = ("regression",)

    def __init__(self, *, penalties: list[float]):
        self.penalties = check_penalties(penalties)

    def out_of_fold(
        self, features: NDArray[np.float32], folds: list[Fold], targets: Mapping[str, Target], seed: int
    ) -> dict[str, OutOfFold]:
        """Fit and predict every fold; `seed` has no effect, because nothing is random. See `Head.out_of_fold`."""
        Y = np.stack([target.values for target in targets.values()], axis=1)
        predicted = np.empty_like(Y)
        for standardised, fold in zip(features, folds, strict=True):
            Z = standardised.astype(np.float64)
            whole = Moments.of(Z[fold.train], Y[fold.train])
            chosen = self._choose(Z, Y, fold, whole)
            for penalty in np.unique(chosen):
                tasks = chosen == penalty
                predicted[np.ix_(fold.test, tasks)] = whole.predict(Z[fold.test], [penalty])[0][:, tasks]
        return {task: OutOfFold(predicted[:, column]) for column, task in enumerate(targets)}

    def _choose(self, Z: NDArray, Y: NDArray, fold: Fold, whole: "Moments") -> NDArray:
        """Select the penalty of every task, shape (tasks,)."""
        error = np.zeros((len(self.penalties), Y.shape[1]))
        for fit, check in fold.inner:
            left_out = np.setdiff1d(fold.train, fit, assume_unique=True)
            # Use the smaller of the two sums: most inner folds leave out only a fifth of the points.
            if len(left_out) < len(fit):
                part = whole - Moments.of(Z[left_out], Y[left_out])
            else:
                part = Moments.of(Z[fit], Y[fit])
            error += np.sum((part.predict(Z[check], self.penalties) - Y[check]) ** 2, axis=1)
        return np.asarray(self.penalties)[error.argmin(axis=0)]


class Moments:
    """Sums over points that are sufficient for a ridge regression.

    The features are float64 with unit variance, so subtracting one set of sums from another loses no relevant
    precision.

    Parameters
    ----------
    n : int
        Number of points.
    sums : tuple of ndarray
        Sums of x (d,), y (t,), x x' (d, d) and x y' (d, t).
    """

    def __init__(self, n: int, sums: tuple[NDArray, ...]):
        self.n, self.sums = n, sums

    @classmethod
    def of(cls, Z: NDArray, Y: NDArray) -> "Moments":
        """Compute the sums over the rows of `Z`, shape (n, d), and `Y`, shape (n, t)."""
        return cls(len(Z), (Z.sum(axis=0), Y.sum(axis=0), Z.T @ Z, Z.T @ Y))

    def __sub__(self, other: "Moments") -> "Moments":
        return Moments(self.n - other.n, tuple(a - b for a, b in zip(self.sums, other.sums, strict=True)))

    def predict(self, Z: NDArray, penalties: list[float]) -> NDArray[np.float64]:
        """Fit every penalty and predict the rows of `Z`, shape (m, d).

        Returns
        -------
        ndarray, shape (penalties, m, t)
        """
        x, y, xx, xy = self.sums
        mean, offset = x / self.n, y / self.n
        gram, moment = xx / self.n - np.outer(mean, mean), xy / self.n - np.outer(mean, offset)
        predicted = []
        for penalty in penalties:
            factor = cho_factor(gram + penalty * np.eye(len(gram)), overwrite_a=True, check_finite=False)
            weights = cho_solve(factor, moment, check_finite=False)
            predicted.append((Z - mean) @ weights + offset)
        return np.stack(predicted)
