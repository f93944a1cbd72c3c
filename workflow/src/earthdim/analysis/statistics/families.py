"""Correlation of cells grouped in families, pooled and within families.

The pooled coefficient treats every cell as a point regardless of its family, and is descriptive. The coefficient within
families is the mean of the coefficients of the families on Fisher's z scale, so it does not depend on differences
between families.
"""

from dataclasses import dataclass

import numpy as np

from earthdim.analysis.statistics.coefficients import Coefficient, UndefinedError

# Coefficients of equivalent permutations can differ by rounding.
TIE = 1e-9


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval of a coefficient."""

    low: float
    high: float


def members(families: np.ndarray) -> dict[str, np.ndarray]:
    """Row numbers of each family, families in alphabetical order."""
    return {str(name): np.flatnonzero(families == name) for name in np.unique(families)}


def by_family(
    coefficient: Coefficient, x: np.ndarray, y: np.ndarray, families: np.ndarray
) -> dict[str, float]:
    """Coefficient of each family.

    Raises
    ------
    UndefinedError
        If a family has fewer than three cells or constant values.
    """
    return {name: coefficient(x[rows], y[rows]) for name, rows in members(families).items()}


def family_z(coefficient: Coefficient, values: dict[str, float], families: np.ndarray) -> np.ndarray:
    """Fisher's z of the coefficients returned by `by_family`, shape (G,)."""
    sizes = members(families)
    return np.array([coefficient.fisher_z(value, len(sizes[name])) for name, value in values.items()])


def leave_one_out(
    coefficient: Coefficient, x: np.ndarray, y: np.ndarray, families: np.ndarray
) -> dict[str, float]:
    """Pooled coefficient without each family in turn.

    Raises
    ------
    UndefinedError
        If the remaining cells are fewer than three or constant.
    """
    return {
        name: coefficient(np.delete(x, rows), np.delete(y, rows)) for name, rows in members(families).items()
    }


def pooled_interval(
    coefficient: Coefficient, x: np.ndarray, y: np.ndarray, families: np.ndarray, confidence: float
) -> Interval:
    """Interval of the pooled coefficient: delete-one-family jackknife on Fisher's z, Student's t with G - 1.

    Parameters
    ----------
    coefficient : Coefficient
    x, y : ndarray, shape (n,)
    families : ndarray of str, shape (n,)
        Family of each cell; G distinct names.
    confidence : float

    Raises
    ------
    UndefinedError
        If the correlation is perfect or a family cannot be left out.

    References
    ----------
    J. W. Tukey, "Bias and confidence in not-quite large samples", Ann. Math. Stat.
    29, 1958. With groups deleted: R. G. Miller, "The jackknife: a review", Biometrika 61, 1974.
    """
    value = coefficient(x, y)
    if 1.0 - abs(value) < TIE:
        raise UndefinedError("no interval: perfect correlation")
    try:
        without = leave_one_out(coefficient, x, y, families)
    except UndefinedError as error:
        raise UndefinedError(f"no interval: {error} once a family is left out") from error
    sizes = {name: len(rows) for name, rows in members(families).items()}
    z = np.array([coefficient.fisher_z(without[name], len(x) - sizes[name]) for name in without])
    count = len(z)
    error = np.sqrt((count - 1) / count * np.sum((z - z.mean()) ** 2))
    return _student(float(coefficient.fisher_z(value, len(x))), float(error), count, confidence)


def within_interval(z: np.ndarray, confidence: float) -> Interval:
    """Interval of the within coefficient: Student's t over the families' Fisher z, shape (G,).

    Its coverage holds if families differ in slope and in spread.

    Raises
    ------
    UndefinedError
        If all families have the same coefficient, so that their spread is zero.

    References
    ----------
    R. Ibragimov, U. K. Mueller, "t-statistic based correlation and heterogeneity
    robust inference", J. Bus. Econ. Stat. 28, 2010.
    """
    error = float(z.std(ddof=1)) / np.sqrt(len(z))
    if error < TIE:
        raise UndefinedError("no interval: equal coefficients in all families")
    return _student(float(z.mean()), float(error), len(z), confidence)


def _student(z: float, error: float, count: int, confidence: float) -> Interval:
    # The jobs of tables import this module for its names alone; scipy would take most of their time.
    from scipy.special import stdtrit

    half_width = float(stdtrit(count - 1, 0.5 + confidence / 2.0)) * error
    return Interval(float(np.tanh(z - half_width)), float(np.tanh(z + half_width)))


def rearrangements(families: np.ndarray, count: int, seed: int) -> dict[str, np.ndarray]:
    """Random permutations of the cells of each family, preceded by the identity.

    Parameters
    ----------
    families : ndarray of str, shape (n,)
    count : int
        Number of random permutations.
    seed : int

    Returns
    -------
    dict of ndarray of int, shape (count + 1, cells of the family)
    """
    rng = np.random.default_rng(seed)
    orders = {}
    for name, rows in members(families).items():
        identity = np.arange(len(rows))
        random = rng.permuted(np.tile(identity, (count, 1)), axis=1)
        orders[name] = np.concatenate([identity[None], random])
    return orders


def permutation_p(
    coefficient: Coefficient,
    x: np.ndarray,
    ys: np.ndarray,
    families: np.ndarray,
    orders: dict[str, np.ndarray],
) -> np.ndarray:
    """Two-sided p of the coefficient within families, from permutations of the cells within families.

    Parameters
    ----------
    coefficient : Coefficient
    x : ndarray, shape (n,)
        The permuted variable.
    ys : ndarray, shape (n, r)
        r variables to correlate with x.
    families : ndarray of str, shape (n,)
    orders : dict of ndarray
        Return value of `rearrangements`, with B permutations.

    Returns
    -------
    ndarray, shape (r,)
        (b + 1) / (B + 1), where b permutations have a statistic at least as far from zero as the data.

    Raises
    ------
    UndefinedError
        If a family has fewer than three cells or constant values.

    References
    ----------
    B. Phipson, G. K. Smyth, "Permutation p-values should never be zero", Stat. Appl.
    Genet. Mol. Biol. 9, 2010.
    """
    total = 0.0
    for name, rows in members(families).items():
        permuted = coefficient.unit(x[rows], orders[name])
        fixed = np.stack([coefficient.unit(y[rows]) for y in ys.T], axis=1)
        total = total + coefficient.fisher_z(permuted @ fixed, len(rows))
    exceeds = np.abs(total[1:]) >= np.abs(total[0]) - TIE
    return (exceeds.sum(axis=0) + 1.0) / (len(exceeds) + 1.0)
