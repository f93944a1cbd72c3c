"""Locations, encoders and reference formulas for the tests of the training objectives."""

import numpy as np
import torch

from earthdim import geo
from earthdim.encoders.encodings.space2vec import Grid
from earthdim.encoders.location import LocationEncoder
from earthdim.encoders.networks.space_ffn import SpaceFFN
from earthdim.pretraining.objectives.base import Batch

CSP_TERMS = {"batch_temperature": 0.5, "negative_temperature": 0.2, "simcse_temperature": 0.3}
GEOCLIP_QUEUE = {"queue_size": 4096, "noise_km": 0.15, "queue_noise_km": 1.0}


class RecordingEncoder:
    """Returns unit vectors plus `drift` times the number of earlier calls, and records the coordinates of each call."""

    def __init__(self, drift=0.0):
        self.calls, self.drift = [], drift

    def __call__(self, lonlat):
        self.calls.append(lonlat.clone())
        return torch.from_numpy(geo.unit_vectors(lonlat.numpy())) + self.drift * (len(self.calls) - 1)


class Identity(torch.nn.Module):
    """A layer that returns its input."""

    def forward(self, x):
        return x


def places(n, seed=0):
    rng = np.random.default_rng(seed)
    lonlat = np.column_stack((rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))))
    return torch.from_numpy(lonlat)


def batch_of(lonlat, observations, encoder=None, seed=0):
    return Batch(encoder or RecordingEncoder(), lonlat, observations, np.random.default_rng(seed))


def with_identity(objective, layer="projection"):
    setattr(objective, layer, Identity())
    return objective


def normalised(z):
    return z / np.linalg.norm(z, axis=-1, keepdims=True)


def cross_entropy(logits, own):
    return np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(logits)), own])


def pairs(n=6, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(n, d))), torch.from_numpy(rng.normal(size=(n, d)))


def small_encoder(dropout=0.3):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LocationEncoder(Grid(4, 1.0, 90.0), SpaceFFN(16, 24, 1, 8, dropout=dropout))
