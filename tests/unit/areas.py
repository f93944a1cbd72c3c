"""Conditions on places, and a test of uniformity, for the tests of samples."""

import numpy as np


def north(lonlat):
    return lonlat[:, 1] > 0


def everywhere(lonlat):
    return np.ones(len(lonlat), dtype=bool)


def nowhere(lonlat):
    return np.zeros(len(lonlat), dtype=bool)


def chi_squared(values, edges):
    """Of ten bins of equal probability; above 27.9 with p = 0.001."""
    count = np.histogram(values, bins=10, range=edges)[0]
    return ((count - len(values) / 10) ** 2 / (len(values) / 10)).sum()
