"""GeoCLIP against its formula in numpy, its queue, and its coordinate noise."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from objective_data import (
    GEOCLIP_QUEUE,
    RecordingEncoder,
    batch_of,
    cross_entropy,
    normalised,
    pairs,
    places,
    with_identity,
)
from scipy import stats

from earthdim import geo
from earthdim.pretraining.objectives.geoclip import GeoCLIP


def test_geoclip_matches_the_one_directional_formula():
    """One direction, with the queue as additional candidates: two earlier batches in the queue, no noise."""
    objective = with_identity(GeoCLIP(queue_size=8, noise_km=0.0, queue_noise_km=0.0, temperature=0.1))
    steps = [places(4, seed) for seed in range(3)]
    images = pairs(4, 3)[1]
    for lonlat in steps:
        loss = objective(batch_of(lonlat, images)).item()
    own, *earlier = (geo.unit_vectors(lonlat.numpy()) for lonlat in (steps[2], steps[0], steps[1]))
    logits = normalised(images.numpy()) @ np.concatenate((own, *earlier)).T / 0.1
    assert loss == pytest.approx(cross_entropy(logits, np.arange(4)), rel=1e-6)


def test_geoclip_of_constant_embeddings():
    """The loss is the log of the number of candidates: first the batch, then the batch and the filling queue."""
    objective = with_identity(GeoCLIP(queue_size=10, noise_km=0.1, queue_noise_km=0.1))
    same = batch_of(places(4), torch.ones(4, 3), lambda lonlat: torch.ones(len(lonlat), 3))
    losses = [objective(same).item() for _ in range(5)]
    assert losses == pytest.approx(np.log([4, 8, 12, 14, 14]), rel=1e-6)
    objective.eval()
    assert [objective(same).item() for _ in range(2)] == pytest.approx([math.log(4)] * 2, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 20), batches=st.lists(st.integers(2, 45), min_size=1, max_size=6))
def test_queue_holds_exactly_the_latest_coordinates(size, batches):
    objective = with_identity(GeoCLIP(queue_size=size, noise_km=0.0, queue_noise_km=0.0))
    seen = []
    for seed, n in enumerate(batches):
        lonlat = places(n, seed)
        encoder = RecordingEncoder()
        objective(batch_of(lonlat, torch.ones(n, 3, dtype=torch.float64), encoder))
        # The queue as it was before this batch.
        call = encoder.calls[-1].numpy()
        np.testing.assert_allclose(call[:n], lonlat.numpy(), atol=1e-9)
        np.testing.assert_allclose(rows(call[n:]), rows(seen[-size:]), atol=1e-9)
        seen += lonlat.tolist()
        np.testing.assert_array_equal(rows(objective.queued), rows(seen[-size:]))


def rows(values):
    """Rows in a canonical order, for comparison as sets."""
    values = np.asarray(values, dtype=np.float64).reshape(-1, 2)
    return values[np.lexsort(values.T.round(6))]


def test_queue_of_4096_with_batches_of_512():
    objective = with_identity(GeoCLIP(**GEOCLIP_QUEUE))
    batches = [places(512, seed) for seed in range(10)]
    for lonlat in batches:
        objective(batch_of(lonlat, torch.ones(512, 3, dtype=torch.float64)))
    np.testing.assert_array_equal(rows(objective.queued), rows(torch.cat(batches[2:])))


def test_queue_is_unchanged_in_evaluation_and_saved_with_the_state():
    objective = with_identity(GeoCLIP(**GEOCLIP_QUEUE))
    for seed in range(2):
        objective(batch_of(places(6, seed), torch.ones(6, 3, dtype=torch.float64)))
    before = objective.queued.clone()
    encoder, lonlat = RecordingEncoder(), places(6, 9)
    objective.eval()(batch_of(lonlat, torch.ones(6, 3, dtype=torch.float64), encoder))
    assert torch.equal(objective.queued, before)
    assert torch.equal(encoder.calls[-1], lonlat)
    other = with_identity(GeoCLIP(**GEOCLIP_QUEUE))
    other.load_state_dict(objective.state_dict())
    assert torch.equal(other.queued, before)


@pytest.mark.parametrize("latitude", [0.0, 60.0, -89.9])
def test_noise_has_the_stated_size_on_the_ground_at_every_latitude(latitude):
    """Gaussian steps east and north of standard deviation s have Rayleigh-distributed lengths."""
    n = 1500
    lonlat = torch.tensor([[179.99, latitude]], dtype=torch.float64).repeat(n, 1)
    objective, encoder = with_identity(GeoCLIP(**GEOCLIP_QUEUE)), RecordingEncoder()
    for seed in (1, 2):
        objective(batch_of(lonlat, torch.ones(n, 3, dtype=torch.float64), encoder, seed))
    own, earlier = encoder.calls[-1].numpy()[:n], encoder.calls[-1].numpy()[n:]
    assert len(earlier) == n
    assert np.abs(own).max() <= 180
    for moved, sigma in ((own, 0.15), (earlier, 1.0)):
        distance = geo.great_circle_km(lonlat.numpy(), moved)
        assert stats.kstest(distance, stats.rayleigh(scale=sigma).cdf).pvalue > 0.01
        assert np.mean(moved[:, 1] > latitude) == pytest.approx(0.5, abs=0.05)
    assert not np.array_equal(own, encoder.calls[0].numpy())
