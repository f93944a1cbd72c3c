import numpy as np
import pytest
from estimator_data import leaf, prepared_embedding, with_arguments

from earthdim.estimation.estimators import EstimateError, estimate
from earthdim.estimation.estimators.fisher import TILE, count_inseparable, whiten


def gaussian(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)) * np.geomspace(1, 0.2, d) + rng.standard_normal(d)


def both(X, **arguments):
    """Return this package's and scikit-dimension's class, fitted to the same points."""
    import skdim.id

    from earthdim.estimation.estimators.fisher import FisherS

    alphas = arguments.get("alphas")
    plain = skdim.id.FisherS(**arguments | {"alphas": None if alphas is None else np.array([alphas])}).fit(X)
    keys = ("conditional_number", "project_on_sphere", "alphas", "limit_maxdim")
    ours = FisherS(**{key: leaf("fishers")["build"][key] for key in keys} | arguments)
    ours.fit(X)
    return ours, plain


@pytest.mark.parametrize("n", [300, TILE, 2 * TILE + 301])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"project_on_sphere": False},
        {"conditional_number": 100},
        {"alphas": [0.3, 0.5, 0.55, 0.8]},
        {"project_on_sphere": False, "alphas": [0.1, 0.9]},
    ],
    ids=["leaf", "no-sphere", "more-components", "alphas", "no-sphere-alphas"],
)
def test_pair_counts_equal_scikit_dimension(n, arguments):
    X = gaussian(n, 6)
    ours, plain = both(X, **arguments)
    counts = np.rint(plain.p_alpha_ * (n - 1)).astype(int).sum(axis=1)
    assert counts[0] > 50
    np.testing.assert_array_equal(ours.inseparable_, counts)
    assert ours.dimension_ == pytest.approx(plain.dimension_, rel=1e-12)
    assert ours.components_ == plain.Xp_.shape[1]


def test_limit_maxdim_limits_the_estimate_to_the_columns():
    # Jittered corners of a cube: few pairs are inseparable, so the dimension is overestimated.
    corners = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 3), axis=-1).reshape(-1, 3)
    X = np.vstack([corners, corners[:1]]) + 0.01 * np.random.default_rng(0).standard_normal((9, 3))
    free, plain = both(X)
    assert free.dimension_ == pytest.approx(plain.dimension_)
    assert free.dimension_ > 3
    cut, plain = both(X, limit_maxdim=True)
    assert cut.dimension_ == plain.dimension_ == 3


def test_counting_does_not_depend_on_the_tiles(monkeypatch):
    whitened = whiten(gaussian(500, 4), 100, True)
    alphas = np.array([0.5, 0.7, 0.9])
    whole = count_inseparable(whitened, alphas)
    monkeypatch.setattr("earthdim.estimation.estimators.fisher.TILE", 37)
    np.testing.assert_array_equal(count_inseparable(whitened, alphas), whole)


def test_counts_match_hand_calculation():
    # Angles of 0, 30 and 120 degrees: cosines .866 (twice), -.5 and 0.
    angle = np.radians([0, 30, 120])
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    np.testing.assert_array_equal(count_inseparable(unit, np.array([0.5, 0.86, 0.87])), [2, 2, 0])
    # A long and a short vector in the same direction: 2 / 4 and 2 / 1.
    pair = np.array([[2.0, 0], [1, 0]])
    np.testing.assert_array_equal(count_inseparable(pair, np.array([0.4, 0.5, 0.6])), [2, 2, 1])


def test_blockwise_whitening_is_correct(monkeypatch):
    X = gaussian(700, 8) + 100
    whole = whiten(X, 10, False)
    np.testing.assert_allclose(np.cov(whole.T), np.eye(whole.shape[1]), atol=1e-10)
    monkeypatch.setattr("earthdim.estimation.estimators.fisher.BLOCK_BYTES", 8 * 8 * 13)
    np.testing.assert_allclose(np.abs(whiten(X, 10, False)), np.abs(whole), rtol=1e-8, atol=1e-10)


def test_fully_separable_points_raise():
    read = prepared_embedding(np.random.default_rng(0).standard_normal((40, 60)), 2)
    with pytest.raises(
        EstimateError, match=r"FisherS \(global\): all 40 points are separable at alpha = 0.6"
    ):
        estimate(leaf("fishers"), read)


def test_a_point_at_the_mean_raises():
    X = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), axis=-1).reshape(-1, 3) * [4, 3, 2]
    with pytest.raises(ValueError, match=r"^point 62 lies at the mean"):
        whiten(X, 10, True)


@pytest.mark.parametrize("alphas", [[], [0.5, 0.5], [0.0, 0.5], [0.5, 1.0], [0.9, 0.6]])
def test_invalid_alphas_raise(alphas):
    with pytest.raises(EstimateError, match=r"alphas: must ascend inside \(0, 1\)"):
        estimate(with_arguments("fishers", alphas=alphas), prepared_embedding(gaussian(60, 4), 20))


def test_ratios_within_the_error_of_single_precision_are_decided_in_double_precision():
    # Cosines that differ from the alpha by less than 1e-9, on both sides.
    alphas = np.array([0.5, 0.6, 0.7])
    angle = np.arccos(0.6) + np.concatenate([-1e-10 * np.arange(1, 31), 1e-10 * np.arange(1, 21)])
    near = np.stack([np.cos(angle), np.sin(angle), np.zeros(50)], axis=1)
    near[:, 1:] = near[:, 1:2] * np.array([np.cos(1.0), np.sin(1.0)])
    points = np.concatenate([[[1.0, 0, 0]], near])
    squares = np.einsum("ij,ij->i", points, points)
    ratios = (points @ points.T / squares[:, None])[~np.eye(51, dtype=bool)]
    counts = count_inseparable(points, alphas)
    assert counts.tolist() == [np.count_nonzero(ratios >= alpha) for alpha in alphas]
    assert counts[1] - counts[2] == 60
