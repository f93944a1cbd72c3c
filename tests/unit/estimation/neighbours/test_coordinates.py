import numpy as np
import pytest
from estimator_data import curved_surface

from earthdim.estimation.neighbours import candidates, coordinates, knn, merge, prepare
from earthdim.estimation.neighbours.coordinates import Coordinates

SHARE = 0.02


@pytest.fixture
def for_few_points(monkeypatch):
    """Choose axes for any number of points, from samples smaller than these, as if pairs cost nothing."""
    monkeypatch.setattr(coordinates, "LEAST_POINTS", 2)
    monkeypatch.setattr(coordinates, "SAMPLE", 500)
    monkeypatch.setattr(coordinates, "PAIR_COST", 0)
    monkeypatch.setattr(coordinates, "AXIS_COST", 1)


def low_rank(n, d, rank=4, noise=1e-3):
    rng = np.random.default_rng(1)
    return rng.standard_normal((n, rank)) @ rng.standard_normal((rank, d)) + noise * rng.standard_normal(
        (n, d)
    )


def order(n):
    return np.random.default_rng(0).permutation(n)


@pytest.mark.parametrize(
    "X",
    [low_rank(900, 64), curved_surface(900, 80), 1e5 + low_rank(900, 64), low_rank(900, 33, noise=0.3)],
    ids=["low-rank", "surface", "offset", "noise"],
)
def test_the_graph_is_the_same_byte_for_byte(X, for_few_points, monkeypatch):
    points = prepare(X).points
    assert Coordinates.of(points, order(900), SHARE).leading < X.shape[1]
    rotated = knn(points, 30, block_bytes=4 * 100**2)
    parts = merge(points, 30, [candidates(points, 30, block, 3, 4 * 100**2) for block in range(3)])
    monkeypatch.setattr(coordinates, "LEAST_POINTS", 10**9)
    plain = knn(points, 30, block_bytes=4 * 100**2)
    for graph in (rotated, parts):
        assert graph.index.tobytes() == plain.index.tobytes()
        assert graph.distance.tobytes() == plain.distance.tobytes()


def test_distances_are_those_of_the_points(for_few_points):
    points = prepare(low_rank(300, 48)).points
    rows = order(300)
    at = Coordinates.of(points, rows, SHARE)
    low = at.low.astype(np.float64)
    expected = np.square(points[rows][:, None] - points[rows]).sum(axis=2)
    found = np.square(low[:, None] - low).sum(axis=2)
    np.testing.assert_allclose(found, expected, atol=1e-6 * at.norms.max())
    np.testing.assert_allclose(at.norms, np.square(low).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(at.leading_norms, np.square(low[:, : at.leading]).sum(axis=1), rtol=1e-5)
    # The leading axes hold most of the variance.
    assert at.leading < 24
    assert at.leading_norms.sum() > 0.8 * at.norms.sum()


def test_points_whose_remaining_pairs_cost_more_keep_their_columns(for_few_points, monkeypatch):
    monkeypatch.setattr(coordinates, "PAIR_COST", 2000)
    points = prepare(np.random.default_rng(0).standard_normal((600, 20))).points
    at = Coordinates.of(points, order(600), SHARE)
    assert at.leading == 20
    np.testing.assert_array_equal(at.leading_norms, at.norms)
    np.testing.assert_allclose(at.low, (points - points.mean(axis=0))[order(600)], rtol=1e-6, atol=1e-7)


def test_points_beyond_the_range_keep_their_columns(for_few_points):
    points = low_rank(300, 48)
    points[3] = 1e200
    assert Coordinates.of(points, order(300), SHARE).leading == 48


def test_few_points_keep_their_columns():
    assert Coordinates.of(low_rank(300, 48), order(300), SHARE).leading == 48
