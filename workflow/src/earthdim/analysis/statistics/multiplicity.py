"""Corrections of p values for multiple testing."""

import numpy as np


def holm(p: np.ndarray) -> np.ndarray:
    """Adjust p values to control the family-wise error rate.

    Parameters
    ----------
    p : ndarray, shape (m,)

    References
    ----------
    S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6, 1979.
    """
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def benjamini_yekutieli(p: np.ndarray) -> np.ndarray:
    """Adjust p values to control the false discovery rate under arbitrary dependence of the tests.

    Parameters
    ----------
    p : ndarray, shape (m,)

    References
    ----------
    Y. Benjamini, D. Yekutieli, "The control of the false discovery rate in multiple
    testing under dependency", Ann. Stat. 29, 2001.
    """
    order = np.argsort(p, kind="stable")[::-1]
    ranks = np.arange(len(p), 0, -1)
    steps = np.minimum.accumulate(p[order] * (len(p) / ranks) * np.sum(1 / ranks[::-1]))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
