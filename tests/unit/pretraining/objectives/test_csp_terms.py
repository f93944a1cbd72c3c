"""The three terms of CSP against their formulas in numpy and known limits."""

import math

import numpy as np
import pytest
import torch
from objective_data import (
    CSP_TERMS,
    RecordingEncoder,
    batch_of,
    cross_entropy,
    normalised,
    pairs,
    places,
    small_encoder,
    with_identity,
)

from earthdim import geo
from earthdim.pretraining.objectives.csp import CSP


def test_csp_matches_the_formula():
    """All three terms in numpy; the encoder is called for the first pass, the negatives and the second pass."""
    lonlat, observation = places(5), pairs(5, 3)[1]
    encoder = RecordingEncoder(drift=0.3)
    objective = with_identity(CSP(**CSP_TERMS, negative_locations=2, negative_weight=0.7, simcse_weight=0.4))
    loss = objective(batch_of(lonlat, observation, encoder)).item()
    first, drawn, second = encoder.calls
    assert torch.equal(first, second)
    assert torch.equal(first, lonlat)
    z, images = normalised(geo.unit_vectors(lonlat.numpy())), normalised(observation.numpy())
    negatives = normalised(geo.unit_vectors(drawn.numpy()) + 0.3).reshape(5, 2, 3)
    again = normalised(geo.unit_vectors(lonlat.numpy()) + 0.6)
    batch = cross_entropy(z @ images.T / 0.5, np.arange(5))
    against = np.einsum("nkd,nd->nk", np.concatenate((z[:, None], negatives), axis=1), images)
    negative = cross_entropy(against / 0.2, np.zeros(5, dtype=int))
    simcse = cross_entropy(z @ again.T / 0.3, np.arange(5))
    assert loss == pytest.approx(batch + 0.7 * negative + 0.4 * simcse, rel=1e-6)


def test_csp_of_constant_embeddings():
    objective = with_identity(CSP(**CSP_TERMS, negative_locations=3, negative_weight=0.5, simcse_weight=0.25))
    loss = objective(batch_of(places(8), torch.ones(8, 3), lambda lonlat: torch.ones(len(lonlat), 3)))
    assert loss.item() == pytest.approx(1.25 * math.log(8) + 0.5 * math.log(4), rel=1e-6)


def test_csp_with_zero_weights_encodes_the_batch_only_once():
    encoder, lonlat = RecordingEncoder(), places(5)
    with_identity(CSP(**CSP_TERMS, negative_weight=0.0, simcse_weight=0.0))(
        batch_of(lonlat, pairs(5, 3)[1], encoder)
    )
    assert len(encoder.calls) == 1


def test_second_pass_without_dropout_raises():
    with pytest.raises(ValueError, match=r"^objective\.simcse_weight: .*network\.dropout"):
        CSP(**CSP_TERMS).attach(small_encoder(dropout=0.0), 5)
    CSP(**CSP_TERMS, simcse_weight=0.0).attach(small_encoder(dropout=0.0), 5)
