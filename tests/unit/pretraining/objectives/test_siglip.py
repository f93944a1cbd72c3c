"""SigLIP against its formula in numpy and known limits."""

import math

import numpy as np
import pytest
import torch
from objective_data import normalised, pairs

from earthdim.pretraining.objectives.siglip import SigLIP


def test_siglip_matches_the_formula():
    location, observation = pairs()
    t = 10 * normalised(location.numpy()) @ normalised(observation.numpy()).T - 10
    signs = np.where(np.eye(6, dtype=bool), 1, -1)
    expected = np.log1p(np.exp(-signs * t)).sum() / 6
    assert SigLIP().loss(location, observation).item() == pytest.approx(expected, rel=1e-6)


def test_siglip_of_constant_and_of_perfect_embeddings():
    """All-ones embeddings have logits scale + bias = 0, so each of the n combinations costs log 2."""
    assert SigLIP().loss(torch.ones(8, 3), torch.ones(8, 3)).item() == pytest.approx(
        8 * math.log(2), rel=1e-6
    )
    sure = SigLIP(scale=100.0, bias=-50.0)
    assert sure.loss(torch.eye(8), torch.eye(8)).item() < 1e-6
