"""Multinomial logistic regression: the linear head of classification tasks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earthdim.omissions import OmittedError
from earthdim.probing.heads.base import Head, OutOfFold, Target, check_penalties, check_positive
from earthdim.probing.metrics import balanced_accuracy
from earthdim.probing.splits import Fold

_MEMORY = 10  # pairs kept by L-BFGS; more pairs bring no gain here
_SHORTEST = 2.0**-20  # step fraction below which float32 cannot resolve a decrease
_ROUNDING = (
    1e-6  # near convergence the decrease is below float32 rounding, so a step may appear to rise this much
)


class Logistic(Head):
    """Multinomial logistic regression with a squared penalty on the weights, not on the intercepts.

    Minimises mean cross-entropy + penalty / 2 |W|^2 over standardised features; scikit-learn's ``C`` is 1 over the
    penalty times the number of training points. The penalty with the best balanced accuracy on the first inner fold is
    used, the larger one in case of a tie. Each fit starts from the previous one; fits that only rank penalties stop
    earlier.

    Parameters
    ----------
    penalties : list of float
        Candidates, per training point.
    tolerance : float
        The fit of a training fold stops when no entry of the gradient is larger, above 0.
    ranking_tolerance : float
        The same for the fits that rank penalties.
    iterations : int
        Maximum number of iterations, at least 1; a fit that has not converged by then is an error.

    References
    ----------
    Liu and Nocedal (1989), On the limited memory BFGS method for large scale optimization, Mathematical Programming
    45, 503-528, doi:10.1007/BF01589116.
    """

    kinds: ClassVar[tuple[str, ...]] = ("classification",)

    def __init__(
        self, *, penalties: list[float], tolerance: float, ranking_tolerance: float, iterations: int
    ):
        self.penalties = check_penalties(penalties)
        check_positive(tolerance=tolerance, ranking_tolerance=ranking_tolerance, iterations=iterations)
        self.tolerance, self.ranking_tolerance, self.iterations = tolerance, ranking_tolerance, iterations

    def out_of_fold(
        self, features: NDArray[np.float32], folds: list[Fold], targets: Mapping[str, Target], seed: int
    ) -> dict[str, OutOfFold]:
        """Fit and predict every fold; `seed` has no effect, because nothing is random. See `Head.out_of_fold`."""
        predicted = {task: np.empty(features.shape[1], dtype=np.int64) for task in targets}
        for Z, fold in zip(features, folds, strict=True):
            turned = principal_axes(Z, fold.train)
            for task, target in targets.items():
                predicted[task][fold.test] = self._predict_fold(turned, fold, target)
        return {task: OutOfFold(values) for task, values in predicted.items()}

    def _predict_fold(self, features: NDArray, fold: Fold, target: Target) -> NDArray[np.int64]:
        """Choose the penalty on the first inner fold, fit the training fold, predict the test fold."""
        fit, check = (target.labelled(rows) for rows in fold.inner[0])
        problem = Problem.of(features, target.values, fit)
        check = check[np.isin(target.values[check], problem.classes)]
        weights = np.zeros((len(problem.classes), features.shape[1]), dtype=np.float32)
        best, chosen = -1.0, (self.penalties[0], weights)
        for penalty in self.penalties:
            weights = problem.minimise(weights, penalty, self.ranking_tolerance, self.iterations)
            score = balanced_accuracy(target.values[check], problem.predict(features, check, weights))
            if score > best:
                best, chosen = score, (penalty, weights)

        penalty, weights = chosen
        whole = Problem.of(features, target.values, target.labelled(fold.train))
        # Classes that are absent from the inner fold start with the smallest intercept.
        start = np.zeros((len(whole.classes), features.shape[1]), dtype=np.float32)
        start[:, -1] = weights[:, -1].min()
        start[np.searchsorted(whole.classes, problem.classes)] = weights
        weights = whole.minimise(start, penalty, self.tolerance, self.iterations)
        return whole.predict(features, fold.test, weights)


def principal_axes(Z: NDArray[np.float32], train: NDArray[np.int64]) -> NDArray[np.float32]:
    """Rotate features to the principal axes of the training rows and append a column of ones for the intercept.

    A rotation changes neither the fit nor its penalty. Along principal axes the Hessian of the loss is nearly diagonal,
    so its diagonal is a good preconditioner for L-BFGS.

    Parameters
    ----------
    Z : ndarray of float32, shape (n, d)
    train : ndarray of int64

    Returns
    -------
    ndarray of float32, shape (n, d + 1)
    """
    known = Z[train]
    _, axes = np.linalg.eigh((known.T @ known).astype(np.float64))
    features = np.ones((len(Z), Z.shape[1] + 1), dtype=np.float32)
    np.matmul(Z, axes.astype(np.float32), out=features[:, :-1])
    return features


@dataclass(frozen=True)
class Problem:
    """A penalised multinomial likelihood.

    Attributes
    ----------
    features : ndarray of float32, shape (n, d + 1)
        The last column is one.
    codes : ndarray of int64, shape (n,)
        Positions in `classes`.
    classes : ndarray of int64
        Classes that occur, ascending.
    """

    features: NDArray[np.float32]
    codes: NDArray[np.int64]
    classes: NDArray[np.int64]

    @classmethod
    def of(cls, features: NDArray, labels: NDArray[np.int64], rows: NDArray[np.int64]) -> "Problem":
        """Select the rows of a fold, all of them labelled."""
        classes, codes = np.unique(labels[rows], return_inverse=True)
        return cls(features[rows], codes, classes)

    def predict(self, features: NDArray, rows: NDArray[np.int64], weights: NDArray) -> NDArray[np.int64]:
        """Return the most probable class of each of `rows`."""
        return self.classes[np.argmax(weights @ features[rows].T, axis=0)]

    def probabilities(self, weights: NDArray) -> tuple[NDArray[np.float32], float]:
        """Return the probability of every class, shape (classes, n), and the mean cross-entropy."""
        odds = weights @ self.features.T
        odds -= odds.max(axis=0)
        matching = odds[self.codes, np.arange(len(self.codes))]
        np.exp(odds, out=odds)
        total = odds.sum(axis=0)
        odds /= total
        # In float64, so that the line search resolves the last decreases of the loss.
        return odds, float(np.mean(np.log(total) - matching, dtype=np.float64))

    def value(self, weights: NDArray, penalty: float) -> tuple[float, NDArray[np.float32]]:
        """Return the objective and its gradient, shape (classes, d + 1)."""
        residual, loss = self.probabilities(weights)
        residual[self.codes, np.arange(len(self.codes))] -= 1
        gradient = residual @ self.features
        gradient /= len(self.codes)
        gradient[:, :-1] += np.float32(penalty) * weights[:, :-1]
        return loss + penalty / 2 * float(np.sum(weights[:, :-1] ** 2)), gradient

    def curvature(self, weights: NDArray, penalty: float) -> NDArray[np.float32]:
        """Return the diagonal of the Hessian of the objective, shape (classes, d + 1)."""
        odds, _ = self.probabilities(weights)
        diagonal = (odds * (1 - odds)) @ np.square(self.features) / len(self.codes)
        # A perfectly separated class has no curvature; the penalty also bounds its step.
        return diagonal + np.float32(penalty)

    def minimise(self, weights: NDArray, penalty: float, tolerance: float, iterations: int) -> NDArray:
        """Minimise by L-BFGS, preconditioned by the curvature at the start.

        Raises
        ------
        OmittedError
            If the gradient is not within `tolerance` after `iterations`.
        """
        value, gradient = self.value(weights, penalty)
        if np.abs(gradient).max() <= tolerance:
            return weights
        scale = self.curvature(weights, penalty)
        steps: list[tuple[NDArray, NDArray, float]] = []
        for _ in range(iterations):
            direction = _descend(gradient, steps, scale)
            slope = _dot(direction, gradient)
            length = 1.0
            moved, moved_value, moved_gradient = self._move(weights, direction, length, penalty)
            highest = value + _ROUNDING * (1 + abs(value))
            while moved_value > highest + 1e-4 * length * slope and length > _SHORTEST:
                length /= 2
                moved, moved_value, moved_gradient = self._move(weights, direction, length, penalty)
            step, change = moved - weights, moved_gradient - gradient
            bend = _dot(change, step)
            # In a convex function only rounding can make this product non-positive; such a pair carries no information.
            if bend > 0:
                steps = [*steps, (step, change, bend)][-_MEMORY:]
            weights, value, gradient = moved, moved_value, moved_gradient
            if np.abs(gradient).max() <= tolerance:
                return weights
        raise OmittedError(
            f"tolerance: after {iterations} iterations a logistic fit with penalty {penalty} still had a gradient "
            f"of {np.abs(gradient).max():.1e}"
        )

    def _move(
        self, weights: NDArray, direction: NDArray, length: float, penalty: float
    ) -> tuple[NDArray, float, NDArray]:
        moved = weights + np.float32(length) * direction
        return moved, *self.value(moved, penalty)


def _descend(
    gradient: NDArray, steps: list[tuple[NDArray, NDArray, float]], scale: NDArray
) -> NDArray[np.float32]:
    """Return minus the inverse Hessian times the gradient, by the two-loop recursion of L-BFGS."""
    direction, factors = -gradient, []
    for step, change, bend in reversed(steps):
        factors.append(_dot(step, direction) / bend)
        direction -= np.float32(factors[-1]) * change
    direction /= scale
    if steps:
        _, change, bend = steps[-1]
        direction *= np.float32(bend / _dot(change, change / scale))
    for (step, change, bend), factor in zip(steps, reversed(factors), strict=True):
        direction += np.float32(factor - _dot(change, direction) / bend) * step
    return direction


def _dot(a: NDArray, b: NDArray) -> float:
    return float(np.vdot(a, b))
