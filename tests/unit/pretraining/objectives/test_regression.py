"""The regression loss against its formula in numpy."""

import numpy as np
import pytest
import torch
from objective_data import batch_of, places, with_identity

from earthdim.pretraining.objectives.regression import Regression


def test_regression_matches_the_formula_and_costs_1_at_the_mean():
    rng = np.random.default_rng(0)
    features = {"a": rng.normal(3, 5, (200, 4)), "b": rng.normal(0, 0.1, (200, 6))}
    observations = Regression().observations(features, np.arange(200))
    objective = with_identity(Regression(), "head")
    predicted = rng.normal(size=(200, 10)).astype(np.float32)
    loss = objective(
        batch_of(places(200), torch.from_numpy(observations), lambda _: torch.from_numpy(predicted))
    )
    assert loss.item() == pytest.approx(np.mean((predicted - observations) ** 2), rel=1e-5)
    loss = objective(batch_of(places(200), torch.from_numpy(observations), lambda _: torch.zeros(200, 10)))
    assert loss.item() == pytest.approx(1, rel=1e-5)
