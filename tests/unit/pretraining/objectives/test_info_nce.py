"""InfoNCE against its formula in numpy, known limits, and the bound of its logit scale."""

import math

import numpy as np
import pytest
import torch
from objective_data import pairs

from earthdim.pretraining.objectives.info_nce import InfoNCE
from earthdim.pretraining.optimiser import AdamW


def test_info_nce_matches_the_formula():
    location, observation = pairs()
    a, b = (z.numpy() / np.linalg.norm(z.numpy(), axis=1, keepdims=True) for z in (location, observation))
    likelihood = np.exp(a @ b.T / 0.1)
    own = np.diag(likelihood)
    expected = -(np.log(own / likelihood.sum(axis=1)) + np.log(own / likelihood.sum(axis=0))).mean() / 2
    assert InfoNCE(temperature=0.1).loss(location, observation).item() == pytest.approx(expected, rel=1e-6)


def test_info_nce_ignores_embedding_norms_and_the_order_of_its_arguments():
    location, observation = pairs()
    objective = InfoNCE()
    loss = objective.loss(location, observation).item()
    assert objective.loss(7 * location, 0.1 * observation).item() == pytest.approx(loss)
    assert objective.loss(observation, location).item() == pytest.approx(loss)


def test_info_nce_of_constant_and_of_perfect_embeddings():
    assert InfoNCE().loss(torch.ones(8, 3), torch.ones(8, 3)).item() == pytest.approx(math.log(8), rel=1e-6)
    assert InfoNCE(temperature=0.01).loss(torch.eye(8), torch.eye(8)).item() < 1e-6


def test_logit_scale_starts_at_the_inverse_temperature_and_stays_below_its_bound():
    objective = InfoNCE(temperature=0.07, max_scale=100)
    assert objective.scale == pytest.approx(1 / 0.07)
    with torch.no_grad():
        objective.log_scale.fill_(10)
    loss = objective.loss(torch.eye(4) + 0.9, torch.eye(4) + 0.9)
    assert objective.scale == pytest.approx(100)
    loss.backward()
    assert objective.log_scale.grad.item() != 0


def test_logit_scale_can_decrease_from_its_bound():
    objective = InfoNCE(temperature=0.01, max_scale=100)
    optimiser = torch.optim.SGD(objective.parameters(), lr=0.1)
    location, observation = pairs()
    objective.loss(location, observation).backward()
    optimiser.step()
    assert objective.scale < 100


def test_a_fixed_logit_scale_stays_at_the_inverse_temperature():
    objective = InfoNCE(temperature=0.2, learned=False)
    objective.projection = torch.nn.LazyLinear(pairs()[0].shape[1]).double()
    objective.projection(pairs()[1])
    optimiser = AdamW(objective, weight_decay=0.1)
    location, observation = pairs()
    for _ in range(3):
        loss = objective.loss(location, objective.projection(observation))
        loss.backward()
        optimiser.step(0.1)
    assert objective.scale == pytest.approx(5)
