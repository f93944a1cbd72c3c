"""Embeddings of a point set do not depend on how it is cut."""

import numpy as np
import pytest
import torch

from earthdim import embed as stage
from earthdim.encoders import LocationEncoder


class Coordinates(torch.nn.Module):
    width = 2

    def forward(self, lonlat):
        return (lonlat / 180).float()


class Network(torch.nn.Linear):
    outputs = 3


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return LocationEncoder(Coordinates(), Network(2, 3))


def test_rows_are_those_of_the_encoder_in_any_cut(encoder, monkeypatch):
    lonlat = np.random.default_rng(0).uniform([-180, -90], [180, 90], (101, 2))
    monkeypatch.setattr(stage, "PROGRESS", 20)
    lines = []
    embeddings = stage.embed(encoder, lonlat, batch=8, log=lines.append)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, encoder.embed(lonlat), rtol=1e-5, atol=1e-6)
    assert len(lines) == 7  # 101 points in parts of 16, the whole batches in 20
    assert lines[-1] == "embedded 101 of 101 points"


def test_bad_arguments_are_refused(encoder):
    with pytest.raises(ValueError, match="at least one point"):
        stage.embed(encoder, np.empty((0, 2)))
    with pytest.raises(ValueError, match="batch"):
        stage.embed(encoder, np.zeros((3, 2)), batch=0)
    with pytest.raises(ValueError, match="lat"):
        stage.embed(encoder, np.array([[0.0, 95.0]]))


def test_an_encoder_that_breaks_down_is_refused(encoder):
    torch.nn.init.constant_(encoder.network.bias, torch.nan)
    with pytest.raises(FloatingPointError, match="not finite"):
        stage.embed(encoder, np.zeros((3, 2)))
