import numpy as np
import pytest
from probe_data import sphere
from sklearn import metrics as oracle

from earthdim.probing.metrics import (
    BlockBootstrap,
    balanced_accuracy,
    classification_scores,
    regression_scores,
)

POINTS = sphere(800)
BOOTSTRAP = BlockBootstrap(degrees=15, draws=400, level=0.95, seed=0)
BLOCK = BOOTSTRAP.blocks(POINTS)


def labels(seed=0):
    rng = np.random.default_rng(seed)
    y = 300 + 5 * rng.standard_normal(800)
    return y, y + 2 * rng.standard_normal(800)


def classes(seed=0):
    rng = np.random.default_rng(seed)
    y = rng.choice(4, 800, p=[0.6, 0.3, 0.08, 0.02])
    return y, np.where(rng.random(800) < 0.6, y, rng.integers(0, 4, 800))


def test_regression_scores_equal_scikit_learn():
    y, predicted = labels()
    scores = {score.metric: score for score in regression_scores(y, predicted, BLOCK, BOOTSTRAP)}
    assert scores["r2"].value == pytest.approx(oracle.r2_score(y, predicted), abs=1e-12)
    assert scores["rmse"].value == pytest.approx(oracle.root_mean_squared_error(y, predicted))
    assert scores["mae"].value == pytest.approx(oracle.mean_absolute_error(y, predicted))
    assert [score.metric for score in scores.values() if score.primary] == ["r2"]
    assert all(score.n == 800 for score in scores.values())


def test_classification_scores_equal_scikit_learn():
    y, predicted = classes()
    known = np.ones(800, dtype=bool)
    primary, plain = classification_scores(y, predicted, known, BLOCK, BOOTSTRAP)
    assert primary.value == pytest.approx(oracle.balanced_accuracy_score(y, predicted))
    assert plain.value == pytest.approx(oracle.accuracy_score(y, predicted))
    assert (primary.metric, primary.primary, plain.metric, plain.primary) == (
        "balanced_accuracy",
        True,
        "accuracy",
        False,
    )
    assert balanced_accuracy(y, predicted) == pytest.approx(primary.value)


def test_points_of_unseen_classes_count_only_in_accuracy():
    y, predicted = classes()
    known = y != 3
    primary, plain = classification_scores(y, predicted, known, BLOCK, BOOTSTRAP)
    assert primary.value == pytest.approx(
        oracle.recall_score(y, predicted, labels=[0, 1, 2], average="macro")
    )
    assert (primary.n, plain.n) == (int(known.sum()), 800)
    assert plain.value == pytest.approx(np.mean(y == predicted))


def test_balanced_accuracy_of_no_point_raises():
    with pytest.raises(ValueError, match="balanced accuracy"):
        balanced_accuracy(np.array([], dtype=int), np.array([], dtype=int))


def test_an_interval_equals_that_of_a_loop_over_resampled_blocks():
    y, predicted = labels()
    kinds = np.unique(BLOCK)
    rng = np.random.default_rng(1)
    members = [np.flatnonzero(kind == BLOCK) for kind in kinds]
    drawn = []
    for _ in range(2000):
        rows = np.concatenate([members[one] for one in rng.integers(0, len(kinds), len(kinds))])
        drawn.append(oracle.r2_score(y[rows], predicted[rows]))
    value = oracle.r2_score(y, predicted)
    low, high = value + np.quantile(drawn, [0.025, 0.975]) - np.mean(drawn)
    many = BlockBootstrap(degrees=15, draws=2000, level=0.95, seed=0)
    score = regression_scores(y, predicted, BLOCK, many)[0]
    assert (score.low, score.high) == pytest.approx((low, high), abs=0.15 * (high - low))


def test_intervals_cover_the_mean_of_errors_shared_by_blocks():
    """Errors are shared within a block, so intervals over points would be far too narrow."""
    _, block = np.unique(BLOCK, return_inverse=True)
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        error = np.abs(rng.standard_normal(block.max() + 1))[block]
        y = np.arange(800.0)
        mae = regression_scores(y, y + error, BLOCK, BOOTSTRAP)[2]
        covered += mae.low <= np.sqrt(2 / np.pi) <= mae.high
    assert covered >= 51


def test_the_value_lies_in_its_interval_even_with_many_rare_local_classes():
    rng = np.random.default_rng(0)
    _, y = np.unique(
        BlockBootstrap(degrees=12, draws=1, level=0.9, seed=0).blocks(POINTS), return_inverse=True
    )
    predicted = np.where(rng.random(800) < 0.8, y, 0)
    score = classification_scores(y, predicted, np.ones(800, dtype=bool), BLOCK, BOOTSTRAP)[0]
    assert score.low < score.value < score.high


def test_a_higher_level_widens_the_interval_and_a_seed_repeats_it():
    y, predicted = labels()
    narrow = BlockBootstrap(degrees=15, draws=400, level=0.5, seed=0)
    one, again, half = (
        regression_scores(y, predicted, BLOCK, bootstrap)[0] for bootstrap in (BOOTSTRAP, BOOTSTRAP, narrow)
    )
    assert one == again
    assert one.low < half.low < half.high < one.high


def test_too_few_blocks_remove_only_the_interval():
    y, predicted = labels()
    alone = regression_scores(y, predicted, np.zeros(800, dtype=int), BOOTSTRAP)
    whole = regression_scores(y, predicted, BLOCK, BOOTSTRAP)
    assert [score.value for score in alone] == pytest.approx([score.value for score in whole])
    assert all(score.low is None and score.high is None for score in alone)
    assert all(score.note.startswith("no interval: degrees: 1 blocks of 15 degrees") for score in alone)
    assert all(score.note == "" for score in whole)


@pytest.mark.parametrize(("changes", "name"), [({"draws": 0}, "draws"), ({"level": 1.0}, "level")])
def test_numbers_out_of_range_raise(changes, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        BlockBootstrap(**{"degrees": 15, "draws": 100, "level": 0.95, "seed": 0, **changes})
