"""Corrections for multiple testing against scipy."""

import numpy as np
from scipy.stats import false_discovery_control

from earthdim.analysis.statistics.multiplicity import benjamini_yekutieli


def test_the_false_discovery_rate_is_that_of_scipy():
    rng = np.random.default_rng(0)
    for size in (1, 2, 3, 10, 57):
        # Rounded, so that some are equal.
        p = np.round(rng.random(size) ** 3, 2)
        np.testing.assert_array_equal(benjamini_yekutieli(p), false_discovery_control(p, method="by"))
    assert benjamini_yekutieli(np.empty(0)).shape == (0,)
