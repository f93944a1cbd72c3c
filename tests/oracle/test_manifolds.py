"""Estimators against hand calculations and manifolds of known dimension."""

from pathlib import Path

import numpy as np
import pytest

from earthdim.estimation.estimators import PreparedEmbedding, estimate
from earthdim.estimation.neighbours import Graph, PreparedPoints, knn, prepare
from earthdim.experiment.leaves import compose

# Relative deviation allowed on 1,500 points: TwoNN scatters, MOM and TLE are biased upwards at k = 20 in low
# dimensions, and all are biased downwards as the border of the set comes nearer with d, most so in a cube.
ALLOWED = {
    "mle": (-0.12, 0.05),
    "mle-k10": (-0.12, 0.05),
    "twonn": (-0.1, 0.1),
    "gride": (-0.1, 0.1),
    "gride-k8": (-0.15, 0.05),
    "mom": (-0.03, 0.17),
    "tle": (-0.03, 0.13),
    "corrint": (-0.15, 0.05),
    "mind-ml": (-0.1, 0.1),
    "mada": (-0.1, 0.3),
}


def uniform_sphere(n, d, rng):
    x = rng.standard_normal((n, d + 1))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def uniform_ball(n, d, rng):
    return uniform_sphere(n, d - 1, rng) * rng.random((n, 1)) ** (1 / d)


def uniform_cube(n, d, rng):
    return rng.random((n, d))


def embed_linearly(x, width, rng):
    basis = np.linalg.qr(rng.standard_normal((width, x.shape[1])))[0]
    return 7 + x @ basis.T


def leaf(name):
    return compose(Path(__file__).parents[2] / "config", f"estimator/{name}")["estimator"]


def dimensions(X, names):
    prepared = prepare(X)
    prepared_embedding = PreparedEmbedding(prepared, knn(prepared.points, 21))
    return {name: estimate(leaf(name), prepared_embedding).value for name in names}


def of_distances(distance, columns=10):
    """Return an embedding with the given distances; its points and indices are placeholders."""
    n, k = distance.shape
    prepared = PreparedPoints(np.ones((n, columns)), np.arange(n), 0, 1.0, np.zeros(columns))
    return PreparedEmbedding(prepared, Graph(distance, np.zeros((n, k), dtype=np.int64)))


def test_mle_matches_hand_calculation():
    # Row one: (k - 1) / sum log(r_k / r_j) = 2 / (log 4 + log 2) = 2 / (3 log 2). Row two: 2 / (2 log 3).
    result = estimate({**leaf("mle"), "k": 3}, of_distances(np.array([[1.0, 2, 4], [1, 1, 3]])))
    np.testing.assert_allclose(result.local, [2 / (3 * np.log(2)), 1 / np.log(3)])
    # The harmonic mean of both is the sum of counts over the sum of logarithms.
    assert result.value == pytest.approx(4 / (3 * np.log(2) + 2 * np.log(3)))


def test_mom_matches_hand_calculation():
    # m / (w - m) with mean distance m and largest w: (7/3) / (4 - 7/3) = 1.4, (5/3) / (3 - 5/3) = 1.25.
    result = estimate({**leaf("mom"), "k": 3}, of_distances(np.array([[1.0, 2, 4], [1, 1, 3]])))
    np.testing.assert_allclose(result.local, [1.4, 1.25])
    assert result.value == pytest.approx(1.325)


@pytest.mark.parametrize("d", [0.5, 2, 9])
def test_twonn_on_exact_pareto_quantiles(d):
    # The quantiles of the Pareto law lie on the line that is fitted: 1 - F(mu) = mu ** -d at F = i / n.
    n = 50
    ratio = (1 - np.arange(1, n) / n) ** (-1 / d)
    ratio = np.append(ratio, ratio[-1] * 2)
    prepared_embedding = of_distances(np.stack([np.ones(n), ratio], axis=1))
    assert estimate(leaf("twonn"), prepared_embedding).value == pytest.approx(d)


@pytest.mark.parametrize("shape", [uniform_ball, uniform_sphere, uniform_cube])
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_neighbour_estimators_find_the_dimension(shape, d):
    rng = np.random.default_rng(d)
    found = dimensions(embed_linearly(shape(1500, d, rng), 32, rng), ALLOWED)
    wrong = {
        name: value
        for name, value in found.items()
        if not ALLOWED[name][0] <= value / d - 1 <= ALLOWED[name][1]
    }
    assert not wrong


@pytest.mark.parametrize("d", [1, 3, 6])
def test_expected_simplex_skewness_finds_the_dimension(d):
    rng = np.random.default_rng(d)
    found = dimensions(embed_linearly(uniform_ball(300, d, rng), 16, rng), ["ess"])
    assert found["ess"] == pytest.approx(d, rel=0.05)


@pytest.mark.parametrize("d", [2, 5, 10])
def test_gride_of_a_poisson_process_is_the_same_at_every_scale(d):
    """Distances of a Poisson process in d dimensions: volumes of balls grow by exponential steps."""
    rng = np.random.default_rng(d)
    prepared_embedding = of_distances(rng.exponential(size=(20000, 64)).cumsum(axis=1) ** (1 / d))
    for name in ("gride", "gride-k4", "gride-k8", "gride-k16", "gride-k32", "gride-k64"):
        found = estimate(leaf(name), prepared_embedding)
        assert found.value == pytest.approx(d, rel=0.02)
        # Independent points: the interval is valid, and its half-width is at most 1 %.
        assert found.low < d * 1.005
        assert found.high > d * 0.995
        assert found.high - found.low < 0.03 * d


@pytest.mark.parametrize("d", [2, 5, 10])
def test_fisher_separability_counts_linear_dimensions(d):
    rng = np.random.default_rng(d)
    ball = embed_linearly(uniform_ball(1500, d, rng), 32, rng)
    sphere = embed_linearly(uniform_sphere(1500, d, rng), 32, rng)
    assert dimensions(ball, ["fishers"])["fishers"] == pytest.approx(d, rel=0.03)
    assert dimensions(sphere, ["fishers"])["fishers"] == pytest.approx(d + 1, rel=0.03)


@pytest.mark.parametrize("d", [2, 5, 10])
def test_linear_estimators_on_an_affine_subspace(d):
    """A ball in a subspace: d equal variances. Off the origin, RankMe counts the offset as one more dimension."""
    rng = np.random.default_rng(d)
    centred = embed_linearly(uniform_ball(1500, d, rng), 32, rng) - 7
    found = dimensions(centred, ["participation-ratio", "rankme", "lpca-fo", "lpca-maxgap"])
    assert found == pytest.approx(dict.fromkeys(found, d), rel=0.02)
    apart = dimensions(centred + 0.1, ["participation-ratio", "rankme", "lpca-fo", "lpca-maxgap"])
    assert apart.pop("rankme") > found.pop("rankme") + 0.3
    assert apart == pytest.approx(found, rel=1e-6)


@pytest.mark.parametrize(
    "name",
    ["M2_Affine_3to5", "M5a_Helix1d", "M7_Roll", "M11_Moebius", "M13a_Scurve", "M4_Nonlinear"],
)
def test_benchmark_manifolds(name):
    from skdim.datasets import BenchmarkManifolds

    benchmark = BenchmarkManifolds(random_state=0)
    d, width = (int(value) for value in benchmark.truth.loc[name].iloc[:2])
    found = dimensions(benchmark.generate(name, n=1500, dim=width, d=d), ["mle", "twonn"])
    assert found == pytest.approx({"mle": d, "twonn": d}, rel=0.12)
