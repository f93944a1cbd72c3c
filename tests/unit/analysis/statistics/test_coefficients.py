"""Correlation coefficients against scipy, with and without ties."""

import numpy as np
import pytest
from scipy import stats

from earthdim.analysis.statistics.coefficients import COEFFICIENTS


@pytest.mark.parametrize("name", COEFFICIENTS)
@pytest.mark.parametrize("decimals", [1, 12])
def test_coefficients_are_those_of_scipy(name, decimals):
    x, y = np.round(np.random.default_rng(3).normal(size=(2, 40)), decimals)
    functions = {"spearman": stats.spearmanr, "kendall": stats.kendalltau, "pearson": stats.pearsonr}
    assert COEFFICIENTS[name](x, y) == pytest.approx(functions[name](x, y).statistic, abs=1e-14)


def test_ranks_are_those_of_scipy():
    values = np.array([3.0, 1.0, 3.0, 2.0, 3.0, 1.0])
    np.testing.assert_array_equal(COEFFICIENTS["spearman"].score(values), stats.rankdata(values))
