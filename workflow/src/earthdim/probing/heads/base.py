"""What every head shares: targets in, out-of-fold predictions out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earthdim.probing.splits import Fold


@dataclass(frozen=True)
class Target:
    """The labels of one task.

    Attributes
    ----------
    kind : str
        ``regression`` or ``classification``.
    values : ndarray, shape (n,)
        float64, finite; or int64 class codes 0 .. classes - 1, and -1 where a point has no label.
    """

    kind: str
    values: NDArray

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.values.max()) + 1

    def labelled(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return those of `rows` that have a label."""
        return rows if self.kind == "regression" else rows[self.values[rows] >= 0]


@dataclass(frozen=True)
class OutOfFold:
    """Predictions for every point by the head that did not see its fold.

    Attributes
    ----------
    values : ndarray, shape (n,)
        float64 in the unit of the task, or int64 class codes.
    activations : list of ndarray of float32, shape (n_test, width), or None
        For each fold the last hidden layer at the test points, all of them and in their order, labelled or not: an
        intrinsic dimension depends on the number of points, which is thus the same for all tasks.
    """

    values: NDArray
    activations: list[NDArray[np.float32]] | None = None


class Head(ABC):
    """A supervised head, fitted on every training fold and read on the test fold.

    A head makes its own choices (a penalty, when to stop) by the primary metric on inner folds: R2 for regression,
    balanced accuracy for classification.
    """

    kinds: ClassVar[tuple[str, ...]]
    """The kinds of task that the head applies to."""

    @abstractmethod
    def out_of_fold(
        self, features: NDArray[np.float32], folds: list[Fold], targets: Mapping[str, Target], seed: int
    ) -> dict[str, OutOfFold]:
        """Fit on every training fold and predict its test fold, for all tasks at once so that they can share work.

        Parameters
        ----------
        features : ndarray of float32, shape (folds, n, d)
            All embeddings, standardised on the training rows of each fold: `standardise`. Not written to.
        folds : list of Fold
        targets : dict
            Task name to its labels, of `kinds` only. No task changes the result of another beyond rounding.
        seed : int
            Seeds whatever the head draws.
        """


def standardise(X: NDArray[np.float32], folds: list[Fold]) -> NDArray[np.float32]:
    """Return all rows, for each fold with mean 0 and variance 1 over its training rows.

    A feature that is constant over the training rows becomes 0.

    Parameters
    ----------
    X : ndarray of float32, shape (n, d)
    folds : list of Fold

    Returns
    -------
    ndarray of float32, shape (folds, n, d)
    """
    features = np.empty((len(folds), *X.shape), dtype=np.float32)
    for Z, fold in zip(features, folds, strict=True):
        chosen = X[fold.train]
        mean = chosen.mean(axis=0, dtype=np.float64)
        # The rounding of the mean shifts a feature as a whole, which every head's intercept takes up.
        chosen -= mean.astype(np.float32)
        deviation = np.sqrt(np.square(chosen, out=chosen).mean(axis=0, dtype=np.float64))
        # Below float32's resolution a feature varies by rounding alone, which must not be blown up to variance 1.
        constant = deviation <= np.finfo(np.float32).eps * np.abs(mean)
        scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=~constant)
        np.subtract(X, mean.astype(np.float32), out=Z)
        Z *= scale.astype(np.float32)
    return features


def check_positive(**numbers: float) -> None:
    """Raise ValueError for the first of the named numbers that is not above 0."""
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"{name} must be above 0, not {number}")


def check_penalties(penalties: list[float]) -> list[float]:
    """Return penalties from strong to weak.

    Raises
    ------
    ValueError
        If there is none, or one is not positive.
    """
    if not penalties or not all(penalty > 0 for penalty in penalties):
        raise ValueError(f"penalties must be positive numbers, at least one, not {penalties}")
    return sorted(penalties, reverse=True)
