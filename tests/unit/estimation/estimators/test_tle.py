import numpy as np
import pytest
from estimator_data import curved_surface, prepared_embedding, uniform_ball

from earthdim.estimation.estimators import tle
from earthdim.estimation.estimators.tle import PRODUCT_FROM, TLE
from earthdim.estimation.neighbours import Graph, knn

EPSILON = 1e-4


def fitted(points, graph, k, epsilon=EPSILON):
    estimator = TLE(k, epsilon)
    estimator.fit(points, graph)
    return estimator.dimension_pw_


def plain(points, graph, k, epsilon=EPSILON):
    """scikit-dimension's own computation from the coordinates of each neighbourhood."""
    import skdim.id

    with np.errstate(all="ignore"):
        return (
            skdim.id.TLE(epsilon=epsilon)
            .fit(points, precomputed_knn_arrays=(graph.distance[:, :k], graph.index[:, :k]), n_neighbors=k)
            .dimension_pw_
        )


def near_pairs(n, d):
    """Points in pairs that are a thousand times nearer to each other than to all others, far from the origin."""
    rng = np.random.default_rng(5)
    half = rng.standard_normal((n // 2, d))
    return 100 + np.concatenate([half, half + 1e-3 * rng.standard_normal(half.shape)])


def with_outlier(n, d, far):
    points = uniform_ball(n, d)
    points[7] = far
    return points


@pytest.mark.parametrize("k", [2, 3, 10, 20, PRODUCT_FROM - 1, PRODUCT_FROM, 100])
@pytest.mark.parametrize(
    "points",
    [
        curved_surface(300, 70),
        uniform_ball(300, 12),
        near_pairs(300, 9),
        with_outlier(300, 3, 50),
        with_outlier(300, 3, 1e12),
    ],
    ids=["surface", "ball", "pairs", "outlier", "far-outlier"],
)
def test_every_point_equals_scikit_dimension(points, k):
    read = prepared_embedding(points, 120)
    here = (read.prepared.points, read.graph)
    # At the border of the ball differences cancel, so the reference itself has about 1e-10 at single points.
    np.testing.assert_allclose(fitted(*here, k), plain(*here, k), rtol=1e-9)
    assert fitted(*here, k).mean() == pytest.approx(plain(*here, k).mean(), rel=1e-12)


@pytest.mark.parametrize("k", [10, 26, 60])
def test_equal_distances_are_dropped_as_by_scikit_dimension(k):
    lattice = np.stack(np.meshgrid(*[np.arange(6.0)] * 3), axis=-1).reshape(-1, 3)
    graph = knn(lattice, 60)
    np.testing.assert_allclose(fitted(lattice, graph, k), plain(lattice, graph, k), rtol=1e-9)


@pytest.mark.parametrize("k", [20, 60])
@pytest.mark.parametrize("epsilon", [0.3, 0.9])
def test_distances_below_epsilon_are_dropped(k, epsilon):
    read = prepared_embedding(uniform_ball(300, 2), 60)
    here = (read.prepared.points, read.graph, k)
    np.testing.assert_allclose(fitted(*here, epsilon), plain(*here, epsilon), rtol=1e-9)
    assert np.abs(fitted(*here) - fitted(*here, epsilon)).max() > 1e-3


@pytest.mark.parametrize("k", [20, 60])
def test_does_not_depend_on_the_depth_of_the_graph(k):
    """A deeper graph holds more of the distances between neighbours."""
    read = prepared_embedding(uniform_ball(400, 6), 200)
    points, graph = read.prepared.points, read.graph
    cut = Graph(graph.distance[:, :k], graph.index[:, :k])
    assert fitted(points, cut, k).tobytes() == fitted(points, graph, k).tobytes()


def test_products_of_factors_equal_the_sum_of_logarithms():
    rng = np.random.default_rng(2)
    for k in (2, 9, 20, 64, 100):
        neighbours = rng.standard_normal((k, 5)) * np.linspace(1e-3, 1, k)[:, None]
        distance = np.sort(np.linalg.norm(neighbours, axis=1))
        neighbours = neighbours[np.argsort(np.linalg.norm(neighbours, axis=1))]
        squared = ((neighbours[:, None] - neighbours) ** 2).sum(axis=2)
        value = tle._neighbourhood_dimension(distance, squared, EPSILON)
        assert value == pytest.approx(tle._plain_dimension(distance, squared, EPSILON), rel=1e-12)


def test_factors_out_of_range_are_summed_plainly():
    """The second neighbour is as far as the radius up to rounding, and the difference of the squares is 0."""
    distance = np.array([0.5, 1 - 2.0**-53, 1])
    squared = np.array([[0, 1.2, 1.1], [1.2, 0, 2], [1.1, 2, 0]])
    assert tle._neighbourhood_dimension(distance, squared, EPSILON) == tle._plain_dimension(
        distance, squared, EPSILON
    )
    far = 1e40 * np.array([1e-38, 0.5, 1])
    value = tle._neighbourhood_dimension(far, 1e80 * squared, EPSILON)
    assert value == tle._plain_dimension(far, 1e80 * squared, EPSILON)
