"""The contract shared by all heads, and parts that they use: from targets to out-of-fold predictions."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earthdim.probing.splits import Fold


@dataclass(frozen=True)
class Target:
    """Labels of one task.

    Attributes
    ----------
    kind : str
        ``regression`` or ``classification``.
    values : ndarray, shape (n,)
        float64, finite; or int64 class codes 0 .. classes - 1, and -1 for points without a label.
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
    """Predictions for every point by the head whose training fold does not contain it.

    Attributes
    ----------
    values : ndarray, shape (n,)
        float64 in the unit of the task, or int64 class codes.
    activations : list of ndarray of float32, shape (n_test, width), or None
        For each fold, the last hidden layer at all test points in their order, labelled or not. An intrinsic dimension
        depends on the number of points, which is thus the same for all tasks.
    """

    values: NDArray
    activations: list[NDArray[np.float32]] | None = None


class Head(ABC):
    """Base class of supervised heads, which are fitted on every training fold and evaluated on its test fold.

    A head selects its hyperparameters (a penalty, the stopping step) by the primary metric on inner folds: R2 for
    regression, balanced accuracy for classification. Constructors raise ValueError for a number that is out of range.
    """

    kinds: ClassVar[tuple[str, ...]]
    """Kinds of task to which the head applies."""

    @abstractmethod
    def out_of_fold(
        self, features: NDArray[np.float32], folds: list[Fold], targets: Mapping[str, Target], seed: int
    ) -> dict[str, OutOfFold]:
        """Fit on every training fold and predict its test fold, for all tasks at once so that they can share work.

        Parameters
        ----------
        features : ndarray of float32, shape (folds, n, d)
            All embeddings, standardised on the training rows of each fold by `standardise`. Not modified.
        folds : list of Fold
        targets : dict
            Task name to its labels, of `kinds` only. No task changes the result of another beyond rounding.
        seed : int
            Seed of all random numbers of the head.
        """


def standardise(X: NDArray[np.float32], folds: list[Fold]) -> NDArray[np.float32]:
    """Return all rows, for each fold with mean 0 and variance 1 over its training rows.

    Features that are constant over the training rows become 0.

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
        # The rounding error of the mean shifts a whole feature, which the intercept of every head absorbs.
        chosen -= mean.astype(np.float32)
        deviation = np.sqrt(np.square(chosen, out=chosen).mean(axis=0, dtype=np.float64))
        # Variation below the resolution of float32 is rounding error, which must not be scaled to variance 1.
        constant = deviation <= np.finfo(np.float32).eps * np.abs(mean)
        scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=~constant)
        np.subtract(X, mean.astype(np.float32), out=Z)
        Z *= scale.astype(np.float32)
    return features


def check_positive(**numbers: float) -> None:
    """Raise ValueError naming the first argument that is not above 0."""
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"{name} must be above 0, not {number}")


def check_penalties(penalties: list[float]) -> list[float]:
    """Return penalties in descending order.

    Raises
    ------
    ValueError
        If there is none, or one is not positive.
    """
    if not penalties or not all(penalty > 0 for penalty in penalties):
        raise ValueError(f"penalties must be positive numbers, at least one, not {penalties}")
    return sorted(penalties, reverse=True)
