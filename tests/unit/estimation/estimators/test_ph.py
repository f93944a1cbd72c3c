import numpy as np
import pytest
from estimator_data import leaf, prepared_embedding, uniform_ball, with_arguments
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform

from earthdim.estimation.estimators import EstimateError, estimate
from earthdim.estimation.estimators.ph import edge_lengths


@pytest.mark.parametrize(
    "arguments",
    [{}, {"alpha": 0.5}, {"alpha": 2.0, "random_state": 7}, {"n_range_min": 0.2, "n_range_max": 0.6}],
)
def test_equals_scikit_dimension_with_the_same_seed(arguments):
    import skdim.id

    read = prepared_embedding(uniform_ball(200, 4), 2)
    given = {"nsteps": 6, "subsamples": 3, "random_state": 0, **arguments}
    plain = skdim.id.PH(**given).fit(read.prepared.points)
    assert estimate(with_arguments("ph", **given), read).value == pytest.approx(plain.dimension_, rel=1e-12)


@pytest.mark.parametrize("d", [2, 5])
def test_finds_the_dimension_of_a_ball(d):
    X = np.hstack([uniform_ball(600, d), np.zeros((600, 10 - d))])
    assert estimate(leaf("ph"), prepared_embedding(X, 2)).value == pytest.approx(d, rel=0.15)


@pytest.mark.parametrize(("n", "d"), [(2, 3), (3, 1), (50, 70), (300, 3)])
def test_edges_are_those_of_the_minimum_spanning_tree(n, d):
    points = np.random.default_rng(n).standard_normal((n, d))
    tree = minimum_spanning_tree(squareform(pdist(points))).data
    np.testing.assert_allclose(np.sort(edge_lengths(points)), np.sort(tree), rtol=1e-13)


def test_edges_of_a_lattice_have_length_one():
    lattice = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), axis=-1).reshape(-1, 3)
    assert edge_lengths(np.random.default_rng(0).permutation(lattice)).tolist() == [1.0] * 124


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 0}, "alpha: must be positive, is 0"),
        ({"n_range_min": 1.0}, r"n_range_min, n_range_max: must ascend within \(0, 1\]"),
        ({"n_range_max": 1.5}, r"n_range_min, n_range_max: must ascend within \(0, 1\]"),
        ({"nsteps": 1}, "nsteps: must be at least 2"),
        ({"subsamples": 0}, "subsamples: must be at least 1"),
        ({"n_range_min": 0.001, "n_range_max": 0.9}, "40 points are too few: the samples would have 1 to 36"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(EstimateError, match=message):
        estimate(with_arguments("ph", **arguments), prepared_embedding(uniform_ball(40, 3), 2))
