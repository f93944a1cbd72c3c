"""The presence-only loss against its formula in numpy and known limits."""

import math

import numpy as np
import pytest
import torch
from objective_data import RecordingEncoder, batch_of, places, with_identity

from earthdim import geo
from earthdim.encoders.encodings.space2vec import Grid
from earthdim.encoders.location import LocationEncoder
from earthdim.encoders.networks.space_ffn import SpaceFFN
from earthdim.pretraining.objectives.presence_only import PresenceOnly


def test_presence_only_matches_the_formula():
    """Weighted binary cross-entropies at the batch, all classes absent at random locations; two classes in row 2."""
    rng = np.random.default_rng(0)
    lonlat, seen = places(6), torch.from_numpy(np.eye(4)[rng.integers(0, 4, 6)])
    seen[2] = torch.tensor([1.0, 0.0, 0.0, 1.0])
    encoder, objective = RecordingEncoder(), PresenceOnly(positive_weight=5.0)
    objective.head = torch.nn.Linear(3, 4, bias=False).double()
    loss = objective(batch_of(lonlat, seen, encoder)).item()
    weight = objective.head.weight.detach().numpy()
    here, elsewhere = (1 / (1 + np.exp(-geo.unit_vectors(call.numpy()) @ weight.T)) for call in encoder.calls)
    y = seen.numpy()
    expected = np.mean(-5 * y * np.log(here) - (1 - y) * np.log(1 - here)) - np.mean(np.log(1 - elsewhere))
    assert loss == pytest.approx(expected, rel=1e-6)
    assert len(encoder.calls[1]) == 6


def test_presence_only_at_probability_one_half():
    """With every probability 1/2 the loss is ((weight + classes - 1) / classes + 1) log 2."""
    objective = with_identity(PresenceOnly(2048.0), "head")
    batch = batch_of(places(8), torch.eye(10)[:8], lambda lonlat: torch.zeros(len(lonlat), 10))
    assert objective(batch).item() == pytest.approx(((2048 + 9) / 10 + 1) * math.log(2), rel=1e-6)


def test_presence_only_requires_classes():
    values = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    with pytest.raises(ValueError, match=r"^sources\.rgb: the objective needs classes"):
        PresenceOnly().observations({"zones": np.eye(9), "rgb": values}, np.arange(6))
    both = PresenceOnly().observations({"a": np.eye(9), "b": np.ones((9, 1))}, np.arange(6))
    np.testing.assert_array_equal(both, np.hstack([np.eye(9), np.ones((9, 1))]))
    assert both.dtype == np.float32


def test_presence_only_head_has_one_weight_per_class_and_embedding_dimension():
    objective = PresenceOnly()
    objective.attach(LocationEncoder(Grid(4, 1.0, 90.0), SpaceFFN(16, 24, 1, 256)), 31)
    assert sum(parameter.numel() for parameter in objective.parameters()) == 256 * 31
