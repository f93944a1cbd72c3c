import math

import numpy as np
import pytest
import torch

from earthdim.objectives import InfoNCE, retrieval_top1


def pairs(n=6, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(n, d))), torch.from_numpy(rng.normal(size=(n, d)))


def test_loss_by_hand():
    location, observation = pairs()
    a, b = (z.numpy() / np.linalg.norm(z.numpy(), axis=1, keepdims=True) for z in (location, observation))
    likelihood = np.exp(a @ b.T / 0.1)
    own = np.diag(likelihood)
    expected = -(np.log(own / likelihood.sum(axis=1)) + np.log(own / likelihood.sum(axis=0))).mean() / 2
    assert InfoNCE(temperature=0.1)(location, observation).item() == pytest.approx(expected, rel=1e-6)


def test_loss_ignores_length_and_order_of_the_modalities():
    location, observation = pairs()
    objective = InfoNCE()
    loss = objective(location, observation).item()
    assert objective(7 * location, 0.1 * observation).item() == pytest.approx(loss)
    assert objective(observation, location).item() == pytest.approx(loss)


def test_loss_of_the_ignorant_and_of_the_perfect():
    assert InfoNCE()(torch.ones(8, 3), torch.ones(8, 3)).item() == pytest.approx(math.log(8), rel=1e-6)
    assert InfoNCE(temperature=0.01)(torch.eye(8), torch.eye(8)).item() < 1e-6


def test_scale_starts_at_the_inverse_temperature_and_stays_below_its_bound():
    objective = InfoNCE(temperature=0.07, max_scale=100)
    assert objective.scale == pytest.approx(1 / 0.07)
    with torch.no_grad():
        objective.log_scale.fill_(10)
    loss = objective(torch.eye(4) + 0.9, torch.eye(4) + 0.9)
    assert objective.scale == pytest.approx(100)
    loss.backward()
    assert objective.log_scale.grad.item() != 0


def test_scale_comes_back_from_its_bound():
    objective = InfoNCE(temperature=0.01, max_scale=100)
    optimiser = torch.optim.SGD(objective.parameters(), lr=0.1)
    location, observation = pairs()
    objective(location, observation).backward()
    optimiser.step()
    assert objective.scale < 100


@pytest.mark.parametrize(
    ("location", "observation"),
    [
        (torch.ones(3, 2), torch.ones(3, 4)),
        (torch.ones(1, 2), torch.ones(1, 2)),
        (torch.ones(4), torch.ones(4)),
    ],
)
@pytest.mark.parametrize("call", [InfoNCE(), retrieval_top1])
def test_bad_shapes(call, location, observation):
    with pytest.raises(ValueError, match="z_location"):
        call(location, observation)


@pytest.mark.parametrize("arguments", [{"temperature": 0}, {"temperature": -1}, {"max_scale": 5}])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        InfoNCE(**arguments)


def test_retrieval_counts_the_observations_that_find_their_location():
    observation = torch.eye(4)
    location = torch.eye(4)
    assert retrieval_top1(location, observation) == 1
    # Both the third and the fourth observation find a location of another; three of four locations would find
    # their own observation.
    location[2] = torch.tensor([0.0, 0.0, 0.0, 1.0])
    location[3] = torch.tensor([0.1, 0.0, 0.0, 0.9])
    assert retrieval_top1(location, observation) == 0.5


def test_a_tie_is_no_hit():
    assert retrieval_top1(torch.ones(5, 3), torch.ones(5, 3)) == 0


def test_retrieval_by_chance():
    location, observation = pairs(n=2000, d=8)
    assert retrieval_top1(location, observation) < 0.005
