"""Noise and jitter of training batches."""

import numpy as np
import torch

from earthdim.data.samples.area import sphere
from earthdim.geo import great_circle_km
from earthdim.pretraining.augmentation import Augmentation

LONLAT = torch.from_numpy(sphere(4000, np.random.default_rng(0)))
OBSERVATIONS = torch.zeros(4000, 5)


def test_zero_leaves_a_batch_as_it_is():
    lonlat, observations = Augmentation({"noise": 0, "jitter_km": 0}, 0)(LONLAT, OBSERVATIONS)
    assert lonlat is LONLAT
    assert observations is OBSERVATIONS


def test_noise_has_its_standard_deviation_and_is_fresh_at_each_step():
    augmented = Augmentation({"noise": 3, "jitter_km": 0}, 0)
    (lonlat, first), (_, second) = (augmented(LONLAT, OBSERVATIONS) for _ in range(2))
    assert lonlat is LONLAT
    assert first.dtype == torch.float32
    assert abs(first.std().item() - 3) < 0.05
    assert abs((first * second).mean().item()) < 0.2
    assert OBSERVATIONS.abs().max() == 0


def test_steps_on_the_ground_have_their_scale():
    augmented = Augmentation({"noise": 0, "jitter_km": 50}, 0)
    (first, observations), (second, _) = (augmented(LONLAT, OBSERVATIONS) for _ in range(2))
    assert observations is OBSERVATIONS
    distance = great_circle_km(LONLAT.numpy(), first.numpy())
    # The mean length of two Gaussian steps, a Rayleigh distribution.
    assert abs(distance.mean() / (50 * np.sqrt(np.pi / 2)) - 1) < 0.03
    assert not torch.equal(first, second)


def test_the_seed_decides_and_the_two_draws_are_independent():
    schedule = {"noise": 1, "jitter_km": 10}
    one, again, other = (Augmentation(schedule, seed)(LONLAT, OBSERVATIONS) for seed in (0, 0, 1))
    noise = Augmentation(schedule | {"jitter_km": 0}, 0)(LONLAT, OBSERVATIONS)[1]
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert torch.equal(noise, one[1])
