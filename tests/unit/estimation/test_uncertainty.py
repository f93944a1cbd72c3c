import numpy as np
import pytest
import yaml
from places import CONFIG

from earthdim.estimation.estimators import PreparedEmbedding, estimate
from earthdim.estimation.neighbours import knn, prepare
from earthdim.estimation.uncertainty import half_samples, replicate_interval, subsampling_interval


def leaf(name):
    return yaml.safe_load((CONFIG / "estimator" / f"{name}.yaml").read_text())


@pytest.fixture(scope="module")
def whole():
    rng = np.random.default_rng(0)
    points = rng.random((301, 3)) @ rng.normal(size=(3, 8))
    prepared = prepare(np.concatenate([points, points[:4]]))
    return PreparedEmbedding(prepared, knn(prepared.points, 40))


def test_replicate_interval_matches_hand_calculation():
    # Mean 2, standard deviation 1, three values: t(2) at 97.5 % is 4.302653.
    found = replicate_interval([1.0, 2.0, 3.0])
    assert found.value == 2
    assert found.high - found.value == pytest.approx(4.302652729911275 / np.sqrt(3))
    assert found.value - found.low == pytest.approx(found.high - found.value)
    assert found.interval == "t over 3 draws"


@pytest.mark.parametrize("values", [[], [1.0], [1.0, np.nan], [[1.0, 2.0]]])
def test_insufficient_replicates_raise(values):
    with pytest.raises(ValueError, match="draws"):
        replicate_interval(values)


def test_replicate_interval_covers_the_mean_of_independent_values():
    rng = np.random.default_rng(1)
    found = [replicate_interval(rng.normal(5, 2, 3)) for _ in range(2000)]
    assert np.mean([one.low <= 5 <= one.high for one in found]) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(("n", "factor"), [(300, 1.0), (301, np.sqrt(150 / 151))])
def test_subsampling_interval_matches_hand_calculation(n, factor):
    # Two halves with values 4 and 6: standard deviation sqrt 2; t(1) at 97.5 % is 12.7062.
    found = subsampling_interval(10.0, [4.0, 6.0], n)
    assert found.value == 10
    assert found.high - 10 == pytest.approx(12.706204736174694 * np.sqrt(2) * factor)
    assert 10 - found.low == pytest.approx(found.high - 10)
    assert found.interval == "2 half samples"


def test_only_the_spread_of_the_halves_counts():
    halves = np.array([4.0, 6.0, 7.0])
    ends = [subsampling_interval(10.0, halves + level, 100)[:3] for level in (0, 3)]
    assert ends[0] == pytest.approx(ends[1])
    with pytest.raises(ValueError, match="two half samples"):
        subsampling_interval(10.0, [4.0], 100)


def test_subsampling_has_the_correct_standard_error_of_a_mean():
    # The standard error of a mean is known; that of the half samples must agree with it.
    rng = np.random.default_rng(2)
    values = rng.normal(size=400)
    halves = [values[rng.permutation(400)[:200]].mean() for _ in range(4000)]
    assert np.std(halves, ddof=1) == pytest.approx(values.std(ddof=1) / np.sqrt(400), rel=0.04)


def test_halves_have_exact_graphs_and_no_repeated_points(whole):
    halves = list(half_samples(whole, 20, draws=3, seed=5))
    assert len(halves) == 3
    for half in halves:
        rows = np.searchsorted(whole.prepared.kept, half.prepared.kept)
        assert len(np.unique(rows)) == len(rows) == 150
        np.testing.assert_array_equal(half.prepared.points, whole.prepared.points[rows])
        fresh = knn(half.prepared.points, 20)
        np.testing.assert_array_equal(half.graph.index, fresh.index)
        np.testing.assert_array_equal(half.graph.distance, fresh.distance)
        assert half.prepared.scale == whole.prepared.scale
        assert half.prepared.duplicates_dropped == 0
    assert not np.array_equal(halves[0].prepared.kept, halves[1].prepared.kept)


def test_the_seed_determines_the_halves(whole):
    first, again, other = (
        next(half_samples(whole, 5, draws=2, seed=seed)).prepared.kept for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", ["mle", "mom", "twonn", "fishers", "participation-ratio"])
def test_a_half_has_the_estimate_of_its_points_alone(whole, name):
    half = next(half_samples(whole, 20, draws=2, seed=0))
    embedding = (whole.prepared.points + whole.prepared.centre) * whole.prepared.scale
    rows = np.searchsorted(whole.prepared.kept, half.prepared.kept)
    alone = prepare(embedding[rows])
    expected = estimate(leaf(name), PreparedEmbedding(alone, knn(alone.points, 20))).value
    assert estimate(leaf(name), half).value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("k", "draws", "words"), [(149, 8, "too few for k = 149"), (20, 1, "at least 2")])
def test_invalid_halves_raise(whole, k, draws, words):
    with pytest.raises(ValueError, match=rf"^subsampling.*{words}"):
        next(half_samples(whole, k, draws=draws, seed=0))
