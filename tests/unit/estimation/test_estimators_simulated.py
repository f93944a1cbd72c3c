import numpy as np
import pytest
from estimator_data import leaf, prepared_embedding, uniform_ball

from earthdim.estimation.estimators import EstimateError, estimate

DANCO = {**leaf("danco"), "D": 16}


class TestKnn:
    @pytest.mark.parametrize("seed", [0, 1, 2])
    @pytest.mark.parametrize("ps", [None, [20, 40, 80]])
    def test_equals_scikit_dimension_with_the_same_seed(self, seed, ps):
        import skdim.id

        read = prepared_embedding(uniform_ball(300, 5, seed), 20)
        sizes = None if ps is None else np.array(ps)
        plain = skdim.id.KNN(k=3, ps=sizes, M=4, gamma=1, random_state=seed).fit(read.prepared.points)
        found = estimate({**leaf("knn"), "k": 3, "ps": ps, "M": 4, "gamma": 1, "random_state": seed}, read)
        assert found.value == plain.dimension_

    @pytest.mark.parametrize("d", [2, 3, 5])
    def test_finds_the_dimension_of_a_ball(self, d):
        X = np.hstack([uniform_ball(2000, d), np.zeros((2000, 20 - d))])
        assert estimate(leaf("knn"), prepared_embedding(X, 2)).value == pytest.approx(d, abs=1)

    @pytest.mark.parametrize("ps", [[5, 30], [30, 301]])
    def test_invalid_sample_sizes_raise(self, ps):
        with pytest.raises(EstimateError, match=r"ps: must lie in 6 \.\. 300"):
            estimate({**leaf("knn"), "ps": ps}, prepared_embedding(uniform_ball(300, 3), 20))


def danco_calibration(kind, **arguments):
    """Return the maximum-likelihood dimensions of the norms of balls of 1 to 16 dimensions."""
    fitted = kind(k=10, D=16, random_state=0, **arguments).fit(
        prepared_embedding(uniform_ball(300, 12), 2).prepared.points
    )
    return [ball["dhat"] for ball in fitted.calibration_data_["calibration_data"]]


class TestDanco:
    @pytest.mark.parametrize("d", [3, 5, 12])
    @pytest.mark.parametrize("name", ["danco", "danco-fit"])
    def test_finds_the_dimension_of_a_ball(self, name, d):
        X = np.hstack([uniform_ball(400, d, 7), np.zeros((400, 30 - d))])
        found = estimate({**leaf(name), "D": 16}, prepared_embedding(X, 2)).value
        assert found == pytest.approx(d, rel=0.1)

    def test_danco_of_scikit_dimension_estimates_at_most_k_dimensions(self):
        """If scikit-dimension fixes this, the class defined here can be removed."""
        import skdim.id

        from earthdim.estimation.estimators.danco import DANCo

        plain = danco_calibration(skdim.id.DANCo)
        repaired = danco_calibration(DANCo, ver="DANCo", fractal=True, limit=5000)
        assert max(plain) == 10
        assert plain[14:] == pytest.approx([10, 10])
        assert min(repaired[14:]) > 11
        assert repaired[:8] == pytest.approx(plain[:8])

    def test_the_same_seed_gives_the_same_estimate(self):
        read = prepared_embedding(uniform_ball(200, 3), 2)
        values = [estimate({**DANCO, "D": 8, "random_state": seed}, read).value for seed in (0, 0, 1)]
        assert values[0] == values[1] != values[2]

    def test_too_many_points_raise(self):
        read = prepared_embedding(uniform_ball(201, 3), 2)
        with pytest.raises(
            EstimateError, match=r"DANCo \(k = 10, global\): 201 points are more than its limit of 200"
        ):
            estimate({**DANCO, "limit": 200}, read)

    def test_an_unknown_version_raises(self):
        with pytest.raises(EstimateError, match="ver: must be DANCo or DANCoFit, is 'MIND_MLi'"):
            estimate({**DANCO, "ver": "MIND_MLi"}, prepared_embedding(uniform_ball(200, 3), 2))

    def test_an_estimate_at_its_upper_bound_raises(self):
        with pytest.raises(EstimateError, match="reached D = 4"):
            estimate({**DANCO, "D": 4}, prepared_embedding(uniform_ball(200, 8), 2))
