from itertools import permutations

import numpy as np
import pytest
from estimator_data import leaf, prepared_embedding, with_arguments

from earthdim.estimation.estimators import EstimateError, PreparedEmbedding, Spectrum, estimate
from earthdim.estimation.estimators.participation_ratio import traces
from earthdim.estimation.neighbours import Graph, PreparedPoints


def rows_of_scales(n, scales, seed=0):
    """Return points with independent columns of standard deviations `scales`, in a random basis."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((len(scales), len(scales))))[0]
    return rng.standard_normal((n, len(scales))) * scales @ basis


class TestSpectrum:
    @pytest.mark.parametrize(("n", "d"), [(500, 12), (60, 12), (9, 12)])
    def test_equals_numpy(self, n, d):
        rng = np.random.default_rng(d)
        points, centre = rng.standard_normal((n, d)) + 3, rng.standard_normal(d)
        found = Spectrum.of(points, centre)
        expected = np.linalg.eigvalsh(np.cov(points.T))[::-1]
        np.testing.assert_allclose(found.variances, expected, rtol=1e-10, atol=1e-12)
        plain = np.linalg.svd(points + centre, compute_uv=False)
        np.testing.assert_allclose(found.singular_values, plain, rtol=1e-10)
        assert found.n == n
        deviation = np.linalg.norm(points - points.mean(axis=0), axis=1)
        assert found.fourth_moment == pytest.approx((deviation**4).sum() / (n - 1))

    def test_does_not_depend_on_the_blocks(self):
        points = rows_of_scales(3000, np.geomspace(1, 1e-3, 6))
        whole, cut = (Spectrum.of(points, np.zeros(6), block_bytes=size) for size in (2**30, 1))
        np.testing.assert_allclose(cut.variances, whole.variances, rtol=1e-11)
        np.testing.assert_allclose(cut.singular_values, whole.singular_values, rtol=1e-12)
        assert cut.fourth_moment == pytest.approx(whole.fourth_moment)

    def test_resolves_variances_below_the_rounding_of_a_covariance_matrix(self):
        scales = 10.0 ** -np.arange(0, 24, 2)
        variances = Spectrum.of(rows_of_scales(400, scales)[:, ::-1], np.zeros(12)).variances
        assert (np.diff(variances) < 0).all()
        # Down to the rounding of the points, 1e-16 of the first scale.
        np.testing.assert_allclose(variances[:7], scales[:7] ** 2, rtol=0.4)

    def test_dead_columns_have_variance_zero(self):
        points = np.hstack([rows_of_scales(50, [2.0, 1.0]), np.zeros((50, 3))])
        found = Spectrum.of(points, np.zeros(5))
        assert (found.variances[2:] < 1e-30).all()
        assert (found.variances >= 0).all()

    def test_of_an_embedding_far_from_the_origin(self):
        X = rows_of_scales(400, [3.0, 2.0, 1.0]) + 1e4
        read = prepared_embedding(X, 20)
        expected = np.linalg.svd(X, compute_uv=False) / read.prepared.scale
        np.testing.assert_allclose(read.spectrum.singular_values, expected, rtol=1e-9)


class TestTraces:
    def test_are_the_symmetric_unbiased_estimators(self):
        """Kernels of four different points are unbiased by construction; their mean over all quadruples is unique."""
        points = np.random.default_rng(0).exponential(size=(7, 3)) @ np.diag([1.0, 2.0, 5.0])
        square, product = [], []
        for a, b, c, d in permutations(points, 4):
            square.append((a - b) @ (a - b) * ((c - d) @ (c - d)) / 4)
            product.append(((a - b) @ (c - d)) ** 2 / 4)
        found = traces(Spectrum.of(points, np.zeros(3)))
        assert found == pytest.approx((np.mean(square), np.mean(product)))

    def test_are_unbiased_unlike_the_plain_estimators(self):
        # Exponential columns of variance 1 and 4: (tr C)^2 = 25, tr C^2 = 17.
        rng = np.random.default_rng(0)
        draws = [Spectrum.of(rng.exponential(size=(8, 2)) * [1, 2], np.zeros(2)) for _ in range(20000)]
        found = np.mean([traces(draw) for draw in draws], axis=0)
        assert found == pytest.approx([25, 17], rel=0.05)
        assert np.mean([(draw.variances**2).sum() for draw in draws]) > 1.3 * 17

    def test_need_four_points(self):
        with pytest.raises(ValueError, match=r"^at least 4 points are needed, there are 3"):
            traces(Spectrum.of(np.eye(3), np.zeros(3)))


class TestParticipationRatio:
    def test_few_points_have_the_ratio_of_the_distribution(self):
        # 60 columns of equal variance: the plain ratio of 100 points is 100 / (100 / 60 + 1) = 37.5.
        values = [
            estimate(
                leaf("participation-ratio"), prepared_embedding(rows_of_scales(100, np.ones(60), seed), 20)
            ).value
            for seed in range(20)
        ]
        assert np.mean(values) == pytest.approx(60, rel=0.02)
        plain = prepared_embedding(rows_of_scales(100, np.ones(60)), 20).spectrum.variances
        assert plain.sum() ** 2 / (plain**2).sum() == pytest.approx(37.5, rel=0.03)

    def test_of_unequal_variances(self):
        scales = np.sqrt([4.0, 2.0, 1.0, 1.0])
        value = estimate(
            leaf("participation-ratio"), prepared_embedding(rows_of_scales(4000, scales), 20)
        ).value
        assert value == pytest.approx(64 / 22, rel=0.03)

    def test_a_non_positive_estimate_raises(self):
        spectrum = Spectrum(np.ones(4), np.ones(4), 5, 100.0)
        read = PreparedEmbedding(
            PreparedPoints(np.eye(5, 4), np.arange(5), 0, 1.0, np.zeros(4)), Graph(*[np.ones((5, 2))] * 2)
        )
        vars(read)["spectrum"] = spectrum
        with pytest.raises(EstimateError, match=r"ParticipationRatio \(global\): 5 points are too few"):
            estimate(leaf("participation-ratio"), read)


class TestRankMe:
    def test_counts_equal_singular_values(self):
        directions = np.linalg.qr(np.random.default_rng(0).standard_normal((300, 5)))[0]
        X = np.hstack([directions, np.zeros((300, 3))])
        assert estimate(
            with_arguments("rankme", epsilon=0.0), prepared_embedding(X, 20)
        ).value == pytest.approx(5)
        assert estimate(leaf("rankme"), prepared_embedding(X, 20)).value == pytest.approx(5, rel=1e-4)

    def test_matches_the_published_formula(self):
        X = rows_of_scales(200, np.geomspace(1, 0.01, 9)) + 0.5
        sigma = np.linalg.svd(X, compute_uv=False)
        p = sigma / sigma.sum() + 1e-7
        expected = np.exp(-(p * np.log(p)).sum())
        assert estimate(leaf("rankme"), prepared_embedding(X, 20)).value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lpca-fo", 4),
        ("lpca-maxgap", 5),
        ("lpca-ratio", 3),
        ("lpca-kaiser", 3),
        ("lpca-broken-stick", 3),
        ("lpca-mp", 5),
    ],
)
def test_principal_component_rules(name, expected):
    # Shares of the variance: 45, 33, 20, 2.5 and, after a gap, noise near 0.
    scales = np.sqrt([18.0, 13.0, 8.0, 1.0, 0.2, *[0.01] * 15])
    assert estimate(leaf(name), prepared_embedding(rows_of_scales(4000, scales), 20)).value == expected
