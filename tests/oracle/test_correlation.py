"""Correlation statistics against scipy, exact enumeration, hand calculation and simulation."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from earthdim.analysis.statistics.coefficients import COEFFICIENTS, UndefinedError
from earthdim.analysis.statistics.families import (
    by_family,
    family_z,
    permutation_p,
    pooled_interval,
    rearrangements,
    within_interval,
)
from earthdim.analysis.statistics.multiplicity import benjamini_yekutieli, holm

ORACLES = {"spearman": stats.spearmanr, "kendall": stats.kendalltau, "pearson": stats.pearsonr}
SPEARMAN = COEFFICIENTS["spearman"]


def draw(rng, sizes, within, between):
    """Cells whose correlation is `within` inside each family and `between` over the families' means."""
    families = np.repeat([f"f{number}" for number in range(len(sizes))], sizes)

    def pair(count, rho):
        first, noise = rng.normal(size=(2, count))
        return np.stack([first, rho * first + np.sqrt(1 - rho**2) * noise])

    x, y = pair(len(families), within) + np.repeat(pair(len(sizes), between), sizes, axis=1)
    return x, y, families


@pytest.mark.parametrize("name", ORACLES)
@settings(max_examples=50, deadline=None)
@given(data=st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=3, max_size=12))
def test_coefficients_equal_scipy_including_ties(name, data):
    x, y = np.array(data, dtype=float).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        with pytest.raises(UndefinedError, match="constant"):
            COEFFICIENTS[name](x, y)
    else:
        assert COEFFICIENTS[name](x, y) == pytest.approx(ORACLES[name](x, y).statistic, abs=1e-12)


def test_coefficients_of_two_cells_are_undefined():
    with pytest.raises(UndefinedError, match="fewer than 3 cells"):
        SPEARMAN(np.array([0.0, 1.0]), np.array([0.0, 1.0]))


@pytest.mark.parametrize("name", ["spearman", "kendall"])
@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_half_step_is_half_of_the_distance_to_the_next_value(name, n):
    coefficient, base = COEFFICIENTS[name], np.arange(float(n))
    attained = np.unique(
        [round(coefficient(base, np.array(order, float)), 12) for order in permutations(range(n))]
    )
    assert coefficient.half_step(n) == pytest.approx((attained[-1] - attained[-2]) / 2)
    assert coefficient.fisher_z(1.0, n) == pytest.approx(np.arctanh((attained[-1] + attained[-2]) / 2))
    assert coefficient.fisher_z(attained[-2], n) == pytest.approx(np.arctanh(attained[-2]))


@pytest.mark.parametrize("name", ORACLES)
def test_permutation_p_agrees_with_exact_enumeration(name):
    coefficient, draws = COEFFICIENTS[name], 20_000
    x, y, families = draw(np.random.default_rng(3), (4, 3), 0.6, 0.9)
    z = []
    for first, second in product(permutations(range(4)), permutations(range(4, 7))):
        moved = x[[*first, *second]]
        z.append(family_z(coefficient, by_family(coefficient, moved, y, families), families).sum())
    exact = np.mean(np.abs(z) >= abs(z[0]) - 1e-9)
    p = permutation_p(coefficient, x, y[:, None], families, rearrangements(families, draws, 0))[0]
    assert 0.02 < exact < 0.9
    assert p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / draws) + 1 / draws)


def test_permutation_p_is_positive_and_determined_by_the_seed():
    x = np.arange(24.0)
    families = np.repeat(["a", "b", "c"], 8)
    p = [permutation_p(SPEARMAN, x, x[:, None], families, rearrangements(families, 99, 5))[0] for _ in "ab"]
    assert p == [0.01, 0.01]


def test_permutations_stay_inside_their_family():
    orders = rearrangements(np.array(["b", "a", "b", "a", "b"]), 50, 0)
    assert {name: order.shape for name, order in orders.items()} == {"a": (51, 2), "b": (51, 3)}
    for order in orders.values():
        assert (np.sort(order, axis=1) == np.arange(order.shape[1])).all()
        assert (order[0] == np.arange(order.shape[1])).all()


def test_differences_between_families_alone_are_not_significant():
    rng = np.random.default_rng(11)
    p = []
    for number in range(200):
        x, y, families = draw(rng, (5, 5, 5, 5), 0.0, 1.0)
        p.append(
            permutation_p(SPEARMAN, 5 * x, y[:, None], families, rearrangements(families, 199, number))[0]
        )
    # 200 trials at 5 %: a count above 19 has a chance of one in 300.
    assert np.sum(np.array(p) <= 0.05) <= 19


def test_pooled_interval_equals_a_jackknife_by_hand():
    x, y, families = draw(np.random.default_rng(2), (3, 4, 5, 4), 0.3, 0.3)
    z = np.arctanh(stats.spearmanr(x, y).statistic)
    without = [
        np.arctanh(stats.spearmanr(x[families != name], y[families != name]).statistic)
        for name in np.unique(families)
    ]
    error = np.std(4 * z - 3 * np.array(without), ddof=1) / 2
    margin = 3.182446305284263 * error
    interval = pooled_interval(SPEARMAN, x, y, families, 0.95)
    assert (interval.low, interval.high) == pytest.approx(
        (np.tanh(z - margin), np.tanh(z + margin)), abs=1e-12
    )


def test_insufficient_data_raise():
    x = np.arange(16.0)
    families = np.repeat(list("abcd"), 4)
    with pytest.raises(UndefinedError, match="perfect correlation"):
        pooled_interval(SPEARMAN, x, x, families, 0.95)
    y = np.where(families == "a", x, 7.0)
    with pytest.raises(UndefinedError, match="constant values once a family is left out"):
        pooled_interval(SPEARMAN, x, y, families, 0.95)
    with pytest.raises(UndefinedError, match="equal coefficients"):
        within_interval(family_z(SPEARMAN, by_family(SPEARMAN, x, x, families), families), 0.95)


@pytest.mark.parametrize(("within", "between"), [(0.0, 0.0), (0.5, 0.5), (0.0, 0.8)])
def test_intervals_of_four_families_have_nominal_coverage(within, between):
    rng, trials, covered = np.random.default_rng(5), 400, np.zeros(2)
    # Spearman's rho between normal variables whose covariances add.
    target = 6 / np.pi * np.arcsin((within + between) / 2 / 2)
    middle = np.mean([SPEARMAN.fisher_z(SPEARMAN(*draw(rng, (5,), within, 0.0)[:2]), 5) for _ in range(2000)])
    for _ in range(trials):
        x, y, families = draw(rng, (5, 5, 5, 5), within, between)
        pooled = pooled_interval(SPEARMAN, x, y, families, 0.95)
        z = family_z(SPEARMAN, by_family(SPEARMAN, x, y, families), families)
        own = within_interval(z, 0.95)
        covered += [pooled.low <= target <= pooled.high, own.low <= np.tanh(middle) <= own.high]
    assert (covered / trials > 0.92).all()
    assert (covered / trials < 0.99).all()


def test_holm_by_hand():
    adjusted = holm(np.array([0.04, 0.01, 0.03, 0.5]))
    np.testing.assert_allclose(adjusted, [0.09, 0.04, 0.09, 0.5])
    assert holm(np.array([0.6, 0.9])).tolist() == [1.0, 1.0]


def test_benjamini_yekutieli_by_hand():
    harmonic = 1 + 1 / 2 + 1 / 3
    adjusted = benjamini_yekutieli(np.array([0.03, 0.001, 0.02]))
    np.testing.assert_allclose(adjusted, [0.03 * harmonic, 0.003 * harmonic, 0.03 * harmonic])
    assert benjamini_yekutieli(np.array([])).size == 0
