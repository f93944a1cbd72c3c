"""Shuffled pairs keep the observations of each group of rows and lose their locations."""

import numpy as np

from earthdim.pretraining.shuffling import shuffled


def test_each_group_keeps_its_observations_and_sources_stay_together():
    rng = np.random.default_rng(0)
    features = {"a": np.arange(40.0)[:, None], "b": np.arange(40.0)[:, None] * [10, 100]}
    order = rng.permutation(40)
    groups = [order[:24], order[24:32], order[32:]]
    found = shuffled(features, groups, seed=5)
    for rows in groups:
        assert set(found["a"][rows, 0]) == set(rows)
        assert not np.array_equal(found["a"][rows, 0], rows)
    np.testing.assert_array_equal(found["b"], found["a"] * [10, 100])
    assert (features["a"][:, 0] == np.arange(40)).all()


def test_the_seed_decides():
    features, groups = {"a": np.arange(40.0)[:, None]}, [np.arange(40)]
    one, again, other = (shuffled(features, groups, seed)["a"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
