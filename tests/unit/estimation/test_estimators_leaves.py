"""Every leaf of config/estimator: complete, equal to scikit-dimension alone, and independent of the unit."""

import inspect

import numpy as np
import pytest
from estimator_data import NAMES, curved_surface, leaf, prepared_embedding
from reference import PLAIN

from earthdim.build import target
from earthdim.estimation.estimators import estimate
from earthdim.estimation.estimators.estimate import ENVELOPE_KEYS

# Not in scikit-dimension, or incorrect there; each has a separate test.
OURS = {"participation-ratio", "rankme", "danco", "danco-fit"}


def test_every_leaf_is_compared():
    assert set(NAMES) == set(PLAIN) | OURS


@pytest.mark.parametrize("name", NAMES)
def test_the_leaf_sets_every_argument(name):
    arguments = set(inspect.signature(target(leaf(name)["_target_"])).parameters)
    assert set(leaf(name)) - {"name"} == arguments | {"_target_", *ENVELOPE_KEYS}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("columns", [8, 40], ids=["tree-search", "brute-search"])
def test_equals_scikit_dimension_alone(name, columns):
    import skdim.id

    rng = np.random.default_rng(1)
    read = prepared_embedding(curved_surface(350, columns) + 0.01 * rng.standard_normal((350, columns)), 100)
    result = estimate(leaf(name), read)
    plain = PLAIN[name](skdim.id, read.prepared.points)
    assert result.value == pytest.approx(plain.dimension_, rel=1e-9)
    assert not result.above_ambient
    if leaf(name)["aggregation"] == "global":
        assert result.local is None
    else:
        np.testing.assert_allclose(result.local, plain.dimension_pw_, rtol=1e-8)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"danco", "rankme"}))
def test_the_dimension_is_invariant_under_scaling_and_shifts(name):
    X = curved_surface(300, 10)
    changes = (X, 1e-5 * X, 1e-160 * X, 1e160 * X, 1e4 + 10 * X)
    values = [estimate(leaf(name), prepared_embedding(changed, 100)).value for changed in changes]
    # An offset of 1e4 leaves twelve digits of each coordinate.
    assert values == pytest.approx([values[0]] * len(changes), rel=1e-6)


def test_rankme_depends_on_the_offset_of_the_embedding():
    X = curved_surface(300, 10)
    values = [
        estimate(leaf("rankme"), prepared_embedding(changed, 20)).value
        for changed in (X, 1e-160 * X, 1e160 * X, 9 + X)
    ]
    assert values[1:3] == pytest.approx([values[0]] * 2, rel=1e-9)
    assert values[3] < values[0] - 1
