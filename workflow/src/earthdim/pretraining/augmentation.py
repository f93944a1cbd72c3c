"""Noise on the batches of training, so that single observations cannot be memorised."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from earthdim.geo import scattered

# Appended to the seed.
NOISE, JITTER = 4, 5


class Augmentation:
    """Adds Gaussian noise to observations and moves locations, with fresh draws in each call.

    Parameters
    ----------
    schedule : mapping
        `noise`, the standard deviation of the noise in units of the standardised observations, whose mean variance
        is 1, and `jitter_km`, the standard deviation of the steps eastwards and northwards, km. 0 leaves the batches
        as they are.
    seed : int
    """

    def __init__(self, schedule: Mapping, seed: int) -> None:
        self.noise, self.jitter_km = schedule["noise"], schedule["jitter_km"]
        self._noise, self._jitter = (np.random.default_rng([seed, part]) for part in (NOISE, JITTER))

    def __call__(self, lonlat: Tensor, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Return a batch of training as an objective gets it: locations (n, 2), degrees, and observations (n, w)."""
        if self.jitter_km > 0:
            moved = scattered(lonlat.cpu().numpy(), self.jitter_km, self._jitter)
            lonlat = torch.from_numpy(moved).to(lonlat)
        if self.noise > 0:
            drawn = self._noise.normal(scale=self.noise, size=tuple(observations.shape))
            observations = observations + torch.from_numpy(drawn).to(observations)
        return lonlat, observations
