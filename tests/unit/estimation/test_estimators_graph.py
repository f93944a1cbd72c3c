import numpy as np
import pytest
from estimator_data import embedding_of_graph, leaf, prepared_embedding, uniform_ball

from earthdim.estimation.estimators import EstimateError, estimate


@pytest.fixture(scope="module")
def ball():
    return prepared_embedding(uniform_ball(600, 3), 64)


class TestGride:
    @pytest.mark.parametrize("k", [2, 4, 16, 64])
    def test_value_and_interval_are_those_of_scikit_dimension(self, ball, k):
        import skdim.id

        plain = skdim.id.GRIDE(n1=k // 2).fit(ball.prepared.points)
        found = estimate({**leaf("gride"), "k": k}, ball)
        assert found.value == pytest.approx(plain.dimension_, rel=1e-9)
        assert found.high - found.value == pytest.approx(1.959964 * plain.error_, rel=1e-7)
        assert found.value - found.low == pytest.approx(1.959964 * plain.error_, rel=1e-7)
        assert found.interval == "analytic 95 %"

    def test_interval_of_dependent_points_is_slightly_too_narrow(self):
        inside = 0
        for seed in range(40):
            found = estimate(leaf("gride"), prepared_embedding(uniform_ball(400, 2, seed), 20))
            inside += found.low < 2 < found.high
        assert 28 <= inside < 38

    def test_an_odd_k_raises(self, ball):
        with pytest.raises(EstimateError, match=r"Gride \(k = 5, global\): k: must be even"):
            estimate({**leaf("gride"), "k": 5}, ball)


class TestCorrInt:
    @pytest.mark.parametrize(("k1", "k"), [(10, 20), (5, 40), (3, 8)])
    def test_equals_scikit_dimension(self, ball, k1, k):
        import skdim.id

        plain = skdim.id.CorrInt(k1=k1, k2=k).fit(ball.prepared.points)
        found = estimate({**leaf("corrint"), "k1": k1, "k": k}, ball)
        assert found.value == pytest.approx(plain.dimension_, rel=1e-9)

    @pytest.mark.parametrize("k1", [0, 20, 30])
    def test_radii_that_do_not_increase_raise(self, ball, k1):
        with pytest.raises(EstimateError, match=r"k1: .*1 \.\. 19"):
            estimate({**leaf("corrint"), "k1": k1}, ball)


class TestMada:
    @pytest.mark.parametrize("k", [2, 7, 20])
    def test_equals_scikit_dimension(self, ball, k):
        import skdim.id

        plain = skdim.id.MADA().fit(ball.prepared.points, n_neighbors=k, comb="median")
        found = estimate({**leaf("mada"), "k": k, "aggregation": "median"}, ball)
        np.testing.assert_allclose(found.local, plain.dimension_pw_, rtol=1e-9)
        assert found.value == pytest.approx(plain.dimension_, rel=1e-9)

    def test_by_hand(self):
        # Twice the neighbours at twice the distance is one dimension, at sqrt 2 times the distance two.
        distance = np.array([[1.0, 1, 1, 2], [1, 1, 1, np.sqrt(2)]])
        found = estimate(
            {**leaf("mada"), "k": 4}, embedding_of_graph(np.eye(2), distance, np.ones((2, 4), dtype=int))
        )
        np.testing.assert_allclose(found.local, [1, 2])


class TestMindMl:
    @pytest.mark.parametrize("ver", ["MLk", "MLi"])
    @pytest.mark.parametrize("k", [6, 21])
    def test_equals_scikit_dimension_with_one_neighbour_less(self, ball, ver, k):
        import skdim.id

        plain = skdim.id.MiND_ML(k=k - 1, D=100, ver=ver).fit(ball.prepared.points)
        found = estimate({**leaf("mind-ml"), "k": k, "ver": ver}, ball)
        assert found.value == pytest.approx(plain.dimension_, rel=1e-9)

    def test_an_estimate_at_its_upper_bound_raises(self, ball):
        with pytest.raises(EstimateError, match=r"MiNDML .*reached D = 2"):
            estimate({**leaf("mind-ml"), "D": 2}, ball)

    def test_equidistant_neighbours_raise(self, ball):
        distance = ball.graph.distance.copy()
        distance[3] = distance[3, 0]
        with pytest.raises(EstimateError, match="all 21 neighbours of 1 points are at one distance"):
            estimate(leaf("mind-ml"), embedding_of_graph(ball.prepared.points, distance, ball.graph.index))

    def test_an_unknown_version_raises(self, ball):
        with pytest.raises(EstimateError, match="ver: must be MLk or MLi, is 'ML1'"):
            estimate({**leaf("mind-ml"), "ver": "ML1"}, ball)
