"""Dimensions that are known: by hand from distances, and by construction of a manifold."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from earthdim.estimators import estimate
from earthdim.neighbours import Graph, knn, prepare

LEAVES = {
    name: yaml.safe_load((Path(__file__).parents[2] / "config" / "estimator" / f"{name}.yaml").read_text())
    for name in ("mle", "mom", "tle", "twonn", "fishers")
}

# Relative deviation allowed on 1,500 points: TwoNN scatters, MOM and TLE are biased upwards at k = 20 in low
# dimensions, and all are biased downwards as the border of the set comes nearer with d, most so in a cube.
ALLOWED = {"mle": (-0.12, 0.05), "twonn": (-0.1, 0.1), "mom": (-0.03, 0.17), "tle": (-0.03, 0.13)}


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


def dimensions(X, names):
    prepared = prepare(X)
    graph = knn(prepared.points, 20)
    return {name: estimate(LEAVES[name], prepared.points, graph).value for name in names}


def test_mle_of_distances_by_hand():
    # Row one: (k - 1) / sum log(r_k / r_j) = 2 / (log 4 + log 2) = 2 / (3 log 2). Row two: 2 / (2 log 3).
    graph = Graph(np.array([[1.0, 2, 4], [1, 1, 3]]), np.array([[1, 1, 1], [0, 0, 0]]))
    points = np.array([[0.0, 1, 2, 3], [3, 2, 1, 0]])
    result = estimate({**LEAVES["mle"], "k": 3}, points, graph)
    np.testing.assert_allclose(result.local, [2 / (3 * np.log(2)), 1 / np.log(3)])
    # The harmonic mean of both is all counts over all logarithms.
    assert result.value == pytest.approx(4 / (3 * np.log(2) + 2 * np.log(3)))


def test_mom_of_distances_by_hand():
    # m / (w - m) with mean distance m and largest w: (7/3) / (4 - 7/3) = 1.4, (5/3) / (3 - 5/3) = 1.25.
    graph = Graph(np.array([[1.0, 2, 4], [1, 1, 3]]), np.array([[1, 1, 1], [0, 0, 0]]))
    points = np.array([[0.0, 1, 2, 3], [3, 2, 1, 0]])
    result = estimate({**LEAVES["mom"], "k": 3}, points, graph)
    np.testing.assert_allclose(result.local, [1.4, 1.25])
    assert result.value == pytest.approx(1.325)


@pytest.mark.parametrize("d", [0.5, 2, 9])
def test_twonn_of_ratios_that_follow_its_law(d):
    # The quantiles of the Pareto law lie on the line that is fitted: 1 - F(mu) = mu ** -d at F = i / n.
    n = 50
    ratio = (1 - np.arange(1, n) / n) ** (-1 / d)
    ratio = np.append(ratio, ratio[-1] * 2)
    graph = Graph(np.stack([np.ones(n), ratio], axis=1), np.zeros((n, 2), dtype=np.int64))
    assert estimate(LEAVES["twonn"], np.ones((n, 10)), graph).value == pytest.approx(d)


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


@pytest.mark.parametrize("d", [2, 5, 10])
def test_fisher_separability_counts_linear_dimensions(d):
    rng = np.random.default_rng(d)
    ball = embed_linearly(uniform_ball(1500, d, rng), 32, rng)
    sphere = embed_linearly(uniform_sphere(1500, d, rng), 32, rng)
    assert dimensions(ball, ["fishers"])["fishers"] == pytest.approx(d, rel=0.03)
    assert dimensions(sphere, ["fishers"])["fishers"] == pytest.approx(d + 1, rel=0.03)


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
