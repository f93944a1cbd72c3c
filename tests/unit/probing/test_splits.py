import numpy as np
import pytest
from probe_data import sphere

from earthdim.geo import equal_area_blocks, great_circle_km
from earthdim.probing.splits import RandomFolds, SpatialBlocks

POINTS = sphere(600)


def random_folds(**changes):
    return RandomFolds(**{"folds": 5, "inner_folds": 4, "smallest_class": 10, "seed": 0, **changes})


def blocks(**changes):
    numbers = {"folds": 5, "inner_folds": 4, "degrees": 20, "buffer_km": 0, "smallest_class": 10, "seed": 0}
    return SpatialBlocks(**{**numbers, **changes})


@pytest.mark.parametrize("split", [random_folds(), blocks(), blocks(buffer_km=500)])
def test_every_point_is_tested_once_and_not_in_its_training_fold(split):
    folds = split.folds(POINTS)
    assert len(folds) == 5
    assert np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(600))
    for train, test in folds:
        assert not np.intersect1d(train, test).size
        assert np.all(np.diff(train) > 0)
        assert 60 <= len(test) <= 180


def test_without_a_buffer_no_point_is_lost():
    for split in (random_folds(), blocks()):
        assert all(len(train) + len(test) == 600 for train, test in split.folds(POINTS))


def test_a_block_lies_in_one_fold():
    block = equal_area_blocks(POINTS, 20)
    for train, test in blocks().folds(POINTS):
        assert not np.intersect1d(block[train], block[test]).size


def test_the_buffer_drops_exactly_the_points_near_a_test_point():
    for (train, test), (kept, _) in zip(
        blocks().folds(POINTS), blocks(buffer_km=400).folds(POINTS), strict=True
    ):
        nearest = np.array([great_circle_km(POINTS[row : row + 1], POINTS[test]).min() for row in train])
        assert np.array_equal(kept, train[nearest > 400])
        assert len(kept) < len(train)


def test_inner_folds_use_the_rule_of_the_outer_split():
    block = equal_area_blocks(POINTS, 20)
    for fold in blocks(buffer_km=300).nested(POINTS):
        assert len(fold.inner) == 4
        checked = np.concatenate([check for _, check in fold.inner])
        assert np.array_equal(np.sort(checked), fold.train)
        for fit, check in fold.inner:
            assert np.isin(fit, fold.train).all()
            assert not np.intersect1d(block[fit], block[check]).size
            gap = min(great_circle_km(POINTS[row : row + 1], POINTS[check]).min() for row in fit)
            assert gap > 300


def test_seeds_determine_the_folds():
    for make in (random_folds, blocks):
        same, again, other = (make(seed=seed).nested(POINTS) for seed in (0, 0, 1))
        assert all(np.array_equal(a.inner[0][0], b.inner[0][0]) for a, b in zip(same, again, strict=True))
        assert not np.array_equal(same[0].test, other[0].test)


def test_inner_folds_differ_between_training_folds():
    split = random_folds()
    assert not np.array_equal(split.inner(POINTS, seed=0)[0][0], split.inner(POINTS, seed=1)[0][0])


@pytest.mark.parametrize(
    ("make", "changes", "name"),
    [
        (random_folds, {"folds": 1}, "folds"),
        (random_folds, {"inner_folds": 1}, "inner_folds"),
        (random_folds, {"smallest_class": 0}, "smallest_class"),
        (blocks, {"buffer_km": -1}, "buffer_km"),
        (blocks, {"buffer_km": 30_000}, "buffer_km"),
    ],
)
def test_numbers_out_of_range_raise(make, changes, name):
    with pytest.raises(ValueError, match=rf"^{name} must"):
        make(**changes)


def test_points_that_cannot_be_cut_raise():
    with pytest.raises(ValueError, match=r"^folds: 3 points"):
        random_folds().folds(POINTS[:3])
    with pytest.raises(ValueError, match=r"^degrees: "):
        blocks().folds(np.repeat(POINTS[:1], 50, axis=0))
    with pytest.raises(ValueError, match=r"^buffer_km: "):
        blocks(buffer_km=15_000).folds(POINTS)
