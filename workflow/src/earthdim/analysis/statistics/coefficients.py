"""Correlation coefficients as inner products of two unit vectors.

Spearman's rho, Kendall's tau-b and Pearson's r have this form, with the centred ranks, the signs of the pairwise
differences and the centred values as vectors. A single matrix product computes the coefficients of many permutations.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

# Values with a relative spread below this differ only by rounding.
ROUNDING = 1e-12


class UndefinedError(ValueError):
    """A statistic is undefined for the given data; the message is a short reason for the column note."""


def is_constant(values: np.ndarray) -> bool:
    """Whether values, shape (n,), n > 0, differ only by rounding."""
    return bool(np.ptp(values) <= ROUNDING * np.abs(values).max())


@dataclass(frozen=True)
class Coefficient:
    """A correlation coefficient.

    Attributes
    ----------
    score : callable
        (n,) values -> (n,) scores; equivariant under permutations of the values.
    direction : callable
        (..., n) scores -> (..., m) unnormalised vectors.
    half_step : callable
        n -> half the distance between 1 and the next lower value possible for n cells without ties.
    """

    score: Callable[[np.ndarray], np.ndarray]
    direction: Callable[[np.ndarray], np.ndarray]
    half_step: Callable[[int], float]

    def unit(self, values: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
        """Unit vectors of values, or of permutations of them.

        Parameters
        ----------
        values : ndarray, shape (n,)
        order : ndarray of int, shape (b, n), optional
            Permutations of the values.

        Returns
        -------
        ndarray, shape (m,) or (b, m)

        Raises
        ------
        UndefinedError
            If there are fewer than three values or they are constant.
        """
        if len(values) < 3:
            raise UndefinedError("fewer than 3 cells")
        if is_constant(values):
            raise UndefinedError("constant values")
        scores = self.score(values)
        vectors = self.direction(scores if order is None else scores[order])
        return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> float:
        """Coefficient of two arrays of shape (n,).

        Raises
        ------
        UndefinedError
            If there are fewer than three values or one array is constant.
        """
        return float(np.clip(self.unit(x) @ self.unit(y), -1.0, 1.0))

    def fisher_z(self, value: np.ndarray | float, n: int) -> np.ndarray:
        """Fisher's z of coefficients of n cells, finite for perfect ones.

        A perfect coefficient is moved half a step towards zero (continuity correction of a discrete statistic). A
        few cells can be perfectly correlated by chance, and an infinite z would dominate all other families.

        References
        ----------
        R. A. Fisher, "On the probable error of a coefficient of correlation deduced
        from a small sample", Metron 1, 1921.
        """
        bound = 1.0 - self.half_step(n)
        return np.arctanh(np.clip(value, -bound, bound))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values have their mean rank. Not scipy's, whose import takes 0.7 s in each job of tables."""
    return pd.Series(values).rank().to_numpy()


def _centred(scores: np.ndarray) -> np.ndarray:
    return scores - scores.mean(axis=-1, keepdims=True)


def _pair_signs(scores: np.ndarray) -> np.ndarray:
    first, second = np.triu_indices(scores.shape[-1], k=1)
    return np.sign(scores[..., second] - scores[..., first])


COEFFICIENTS = {
    # One exchange of neighbouring ranks lowers rho by 12 / (n^3 - n) and tau by 4 / (n^2 - n).
    "spearman": Coefficient(_ranks, _centred, lambda n: 6.0 / (n**3 - n)),
    "kendall": Coefficient(_ranks, _pair_signs, lambda n: 2.0 / (n**2 - n)),
    # r is continuous: only rounding is subtracted from one.
    "pearson": Coefficient(lambda values: values, _centred, lambda n: ROUNDING),
}
