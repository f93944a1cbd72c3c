"""Losses against formulas written out in numpy, limits that are known, and what an objective keeps and draws."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from earthdim import geo
from earthdim.encoders.encodings.space2vec import Grid
from earthdim.encoders.location import LocationEncoder
from earthdim.encoders.networks import SpaceFFN
from earthdim.pretraining.objectives import (
    CSP,
    Batch,
    GeoCLIP,
    InfoNCE,
    PresenceOnly,
    Regression,
    SigLIP,
    retrieval_top1,
)

TERMS = {"batch_temperature": 0.5, "negative_temperature": 0.2, "simcse_temperature": 0.3}
QUEUE = {"queue_size": 4096, "noise_km": 0.15, "queue_noise_km": 1.0}
ALL = [InfoNCE(), SigLIP(), CSP(**TERMS), GeoCLIP(**QUEUE), PresenceOnly(32.0), Regression()]


class Places:
    """An encoder that writes down what it is asked; its embedding is the unit vector, plus what a pass adds."""

    def __init__(self, drift=0.0):
        self.asked, self.drift = [], drift

    def __call__(self, lonlat):
        self.asked.append(lonlat.clone())
        return torch.from_numpy(geo.unit_vectors(lonlat.numpy())) + self.drift * (len(self.asked) - 1)


class Kept(torch.nn.Module):
    """Stands for a layer that changes nothing."""

    def forward(self, x):
        return x


def places(n, seed=0):
    rng = np.random.default_rng(seed)
    lonlat = np.column_stack((rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))))
    return torch.from_numpy(lonlat)


def batch_of(lonlat, observations, encoder=None, seed=0):
    return Batch(encoder or Places(), lonlat, observations, np.random.default_rng(seed))


def kept(objective, layer="projection"):
    setattr(objective, layer, Kept())
    return objective


def normalised(z):
    return z / np.linalg.norm(z, axis=-1, keepdims=True)


def cross_entropy(logits, own):
    return np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(logits)), own])


def pairs(n=6, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(n, d))), torch.from_numpy(rng.normal(size=(n, d)))


def test_loss_by_hand():
    location, observation = pairs()
    a, b = (z.numpy() / np.linalg.norm(z.numpy(), axis=1, keepdims=True) for z in (location, observation))
    likelihood = np.exp(a @ b.T / 0.1)
    own = np.diag(likelihood)
    expected = -(np.log(own / likelihood.sum(axis=1)) + np.log(own / likelihood.sum(axis=0))).mean() / 2
    assert InfoNCE(temperature=0.1).loss(location, observation).item() == pytest.approx(expected, rel=1e-6)


def test_loss_ignores_length_and_order_of_the_modalities():
    location, observation = pairs()
    objective = InfoNCE()
    loss = objective.loss(location, observation).item()
    assert objective.loss(7 * location, 0.1 * observation).item() == pytest.approx(loss)
    assert objective.loss(observation, location).item() == pytest.approx(loss)


def test_loss_of_the_ignorant_and_of_the_perfect():
    assert InfoNCE().loss(torch.ones(8, 3), torch.ones(8, 3)).item() == pytest.approx(math.log(8), rel=1e-6)
    assert InfoNCE(temperature=0.01).loss(torch.eye(8), torch.eye(8)).item() < 1e-6


def test_scale_starts_at_the_inverse_temperature_and_stays_below_its_bound():
    objective = InfoNCE(temperature=0.07, max_scale=100)
    assert objective.scale == pytest.approx(1 / 0.07)
    with torch.no_grad():
        objective.log_scale.fill_(10)
    loss = objective.loss(torch.eye(4) + 0.9, torch.eye(4) + 0.9)
    assert objective.scale == pytest.approx(100)
    loss.backward()
    assert objective.log_scale.grad.item() != 0


def test_scale_comes_back_from_its_bound():
    objective = InfoNCE(temperature=0.01, max_scale=100)
    optimiser = torch.optim.SGD(objective.parameters(), lr=0.1)
    location, observation = pairs()
    objective.loss(location, observation).backward()
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
@pytest.mark.parametrize("call", [InfoNCE().loss, SigLIP().loss, CSP(1.0, 1.0, 1.0).loss, retrieval_top1])
def test_bad_shapes(call, location, observation):
    with pytest.raises(ValueError, match="z_location"):
        call(location, observation)


@pytest.mark.parametrize(
    ("kind", "arguments", "name"),
    [
        (InfoNCE, {"temperature": 0}, "temperature"),
        (InfoNCE, {"temperature": -1}, "temperature"),
        (InfoNCE, {"max_scale": 5}, "max_scale"),
        (SigLIP, {"scale": 0.0}, "scale"),
        (CSP, TERMS | {"negative_temperature": 0.0}, "negative_temperature"),
        (CSP, TERMS | {"negative_locations": 0}, "negative_locations"),
        (CSP, TERMS | {"simcse_weight": -1.0}, "simcse_weight"),
        (GeoCLIP, QUEUE | {"queue_size": 0}, "queue_size"),
        (GeoCLIP, QUEUE | {"queue_noise_km": -1.0}, "queue_noise_km"),
        (PresenceOnly, {"positive_weight": 0.0}, "positive_weight"),
    ],
)
def test_bad_arguments(kind, arguments, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        kind(**arguments)


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


def test_siglip_by_hand():
    location, observation = pairs()
    t = 10 * normalised(location.numpy()) @ normalised(observation.numpy()).T - 10
    signs = np.where(np.eye(6, dtype=bool), 1, -1)
    expected = np.log1p(np.exp(-signs * t)).sum() / 6
    assert SigLIP().loss(location, observation).item() == pytest.approx(expected, rel=1e-6)


def test_siglip_of_the_ignorant_and_of_the_perfect():
    """Embeddings that are all one have logits scale + bias = 0: each of n combinations costs log 2."""
    assert SigLIP().loss(torch.ones(8, 3), torch.ones(8, 3)).item() == pytest.approx(
        8 * math.log(2), rel=1e-6
    )
    sure = SigLIP(scale=100.0, bias=-50.0)
    assert sure.loss(torch.eye(8), torch.eye(8)).item() < 1e-6


def test_csp_by_hand():
    """Three terms written out; the encoder's answers are the first pass, the negatives and the second pass, in turn."""
    lonlat, observation = places(5), pairs(5, 3)[1]
    encoder = Places(drift=0.3)
    objective = kept(CSP(**TERMS, negative_locations=2, negative_weight=0.7, simcse_weight=0.4))
    loss = objective(batch_of(lonlat, observation, encoder)).item()
    first, drawn, second = encoder.asked
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


def test_csp_of_the_ignorant():
    objective = kept(CSP(**TERMS, negative_locations=3, negative_weight=0.5, simcse_weight=0.25))
    loss = objective(batch_of(places(8), torch.ones(8, 3), lambda lonlat: torch.ones(len(lonlat), 3)))
    assert loss.item() == pytest.approx(1.25 * math.log(8) + 0.5 * math.log(4), rel=1e-6)


def test_csp_without_weights_asks_for_nothing_more():
    encoder, lonlat = Places(), places(5)
    kept(CSP(**TERMS, negative_weight=0.0, simcse_weight=0.0))(batch_of(lonlat, pairs(5, 3)[1], encoder))
    assert len(encoder.asked) == 1


@pytest.mark.parametrize(
    "objective", [CSP(**TERMS, simcse_weight=0.0), PresenceOnly(8.0)], ids=["CSP", "SINR"]
)
def test_negatives_are_uniform_by_area(objective):
    """Kolmogorov-Smirnov on longitude and on the sine of latitude: the clustered batch itself would fail at once."""
    encoder = Places()
    objective = kept(objective, "projection" if isinstance(objective, CSP) else "head")
    objective(batch_of(places(1500) * 0.01, torch.ones(1500, 3, dtype=torch.float64), encoder))
    _, drawn = encoder.asked
    assert drawn.shape == (1500, 2)
    assert stats.kstest(drawn[:, 0].numpy(), stats.uniform(-180, 360).cdf).pvalue > 0.01
    assert stats.kstest(np.sin(np.radians(drawn[:, 1].numpy())), stats.uniform(-1, 2).cdf).pvalue > 0.01


def test_geoclip_by_hand_from_observations_to_coordinates_alone():
    """One direction, and the queue holds candidates: written out with a queue of two earlier batches, no noise."""
    objective = kept(GeoCLIP(queue_size=8, noise_km=0.0, queue_noise_km=0.0, temperature=0.1))
    steps = [places(4, seed) for seed in range(3)]
    images = pairs(4, 3)[1]
    for lonlat in steps:
        loss = objective(batch_of(lonlat, images)).item()
    own, *earlier = (geo.unit_vectors(lonlat.numpy()) for lonlat in (steps[2], steps[0], steps[1]))
    logits = normalised(images.numpy()) @ np.concatenate((own, *earlier)).T / 0.1
    assert loss == pytest.approx(cross_entropy(logits, np.arange(4)), rel=1e-6)


def test_geoclip_of_the_ignorant():
    """log of the number of candidates: the batch at first, then the batch and a queue that fills up."""
    objective = kept(GeoCLIP(queue_size=10, noise_km=0.1, queue_noise_km=0.1))
    same = batch_of(places(4), torch.ones(4, 3), lambda lonlat: torch.ones(len(lonlat), 3))
    losses = [objective(same).item() for _ in range(5)]
    assert losses == pytest.approx(np.log([4, 8, 12, 14, 14]), rel=1e-6)
    objective.eval()
    assert [objective(same).item() for _ in range(2)] == pytest.approx([math.log(4)] * 2, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 20), batches=st.lists(st.integers(2, 45), min_size=1, max_size=6))
def test_the_queue_holds_the_last_coordinates_and_no_more(size, batches):
    objective = kept(GeoCLIP(queue_size=size, noise_km=0.0, queue_noise_km=0.0))
    seen = []
    for seed, n in enumerate(batches):
        lonlat = places(n, seed)
        encoder = Places()
        objective(batch_of(lonlat, torch.ones(n, 3, dtype=torch.float64), encoder))
        # What was in the queue before this batch came into it.
        asked = encoder.asked[-1].numpy()
        np.testing.assert_allclose(asked[:n], lonlat.numpy(), atol=1e-9)
        np.testing.assert_allclose(rows(asked[n:]), rows(seen[-size:]), atol=1e-9)
        seen += lonlat.tolist()
        np.testing.assert_array_equal(rows(objective.queued), rows(seen[-size:]))


def rows(values):
    """Rows in an order of their own."""
    values = np.asarray(values, dtype=np.float64).reshape(-1, 2)
    return values[np.lexsort(values.T.round(6))]


def test_the_queue_of_4096_and_its_batches_of_512():
    objective = kept(GeoCLIP(**QUEUE))
    batches = [places(512, seed) for seed in range(10)]
    for lonlat in batches:
        objective(batch_of(lonlat, torch.ones(512, 3, dtype=torch.float64)))
    np.testing.assert_array_equal(rows(objective.queued), rows(torch.cat(batches[2:])))


def test_the_queue_stays_as_it_is_in_evaluation_and_goes_with_the_state():
    objective = kept(GeoCLIP(**QUEUE))
    for seed in range(2):
        objective(batch_of(places(6, seed), torch.ones(6, 3, dtype=torch.float64)))
    before = objective.queued.clone()
    encoder, lonlat = Places(), places(6, 9)
    objective.eval()(batch_of(lonlat, torch.ones(6, 3, dtype=torch.float64), encoder))
    assert torch.equal(objective.queued, before)
    assert torch.equal(encoder.asked[-1], lonlat)
    other = kept(GeoCLIP(**QUEUE))
    other.load_state_dict(objective.state_dict())
    assert torch.equal(other.queued, before)


@pytest.mark.parametrize("latitude", [0.0, 60.0, -89.9])
def test_noise_has_the_stated_size_on_the_ground_at_every_latitude(latitude):
    """Steps east and north with a standard deviation s make distances of a Rayleigh distribution."""
    n = 1500
    lonlat = torch.tensor([[179.99, latitude]], dtype=torch.float64).repeat(n, 1)
    objective, encoder = kept(GeoCLIP(**QUEUE)), Places()
    for seed in (1, 2):
        objective(batch_of(lonlat, torch.ones(n, 3, dtype=torch.float64), encoder, seed))
    own, earlier = encoder.asked[-1].numpy()[:n], encoder.asked[-1].numpy()[n:]
    assert len(earlier) == n
    assert np.abs(own).max() <= 180
    for moved, sigma in ((own, 0.15), (earlier, 1.0)):
        distance = geo.great_circle_km(lonlat.numpy(), moved)
        assert stats.kstest(distance, stats.rayleigh(scale=sigma).cdf).pvalue > 0.01
        assert np.mean(moved[:, 1] > latitude) == pytest.approx(0.5, abs=0.05)
    assert not np.array_equal(own, encoder.asked[0].numpy())


def test_presence_only_by_hand():
    """Binary cross entropies with weighted positives here, and all absent elsewhere; two classes at the third place."""
    rng = np.random.default_rng(0)
    lonlat, seen = places(6), torch.from_numpy(np.eye(4)[rng.integers(0, 4, 6)])
    seen[2] = torch.tensor([1.0, 0.0, 0.0, 1.0])
    encoder, objective = Places(), PresenceOnly(positive_weight=5.0)
    objective.head = torch.nn.Linear(3, 4, bias=False).double()
    loss = objective(batch_of(lonlat, seen, encoder)).item()
    weight = objective.head.weight.detach().numpy()
    here, elsewhere = (
        1 / (1 + np.exp(-geo.unit_vectors(asked.numpy()) @ weight.T)) for asked in encoder.asked
    )
    y = seen.numpy()
    expected = np.mean(-5 * y * np.log(here) - (1 - y) * np.log(1 - here)) - np.mean(np.log(1 - elsewhere))
    assert loss == pytest.approx(expected, rel=1e-6)
    assert len(encoder.asked[1]) == 6


def test_presence_only_of_the_ignorant():
    """Every probability one half: (weight + classes - 1) / classes and 1 times log 2."""
    objective = kept(PresenceOnly(2048.0), "head")
    batch = batch_of(places(8), torch.eye(10)[:8], lambda lonlat: torch.zeros(len(lonlat), 10))
    assert objective(batch).item() == pytest.approx(((2048 + 9) / 10 + 1) * math.log(2), rel=1e-6)


def test_presence_only_wants_classes():
    values = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    with pytest.raises(ValueError, match=r"^sources\.rgb: the objective needs classes"):
        PresenceOnly().observations({"zones": np.eye(9), "rgb": values}, np.arange(6))
    both = PresenceOnly().observations({"a": np.eye(9), "b": np.ones((9, 1))}, np.arange(6))
    np.testing.assert_array_equal(both, np.hstack([np.eye(9), np.ones((9, 1))]))
    assert both.dtype == np.float32


def test_regression_by_hand_and_of_the_mean():
    rng = np.random.default_rng(0)
    features = {"a": rng.normal(3, 5, (200, 4)), "b": rng.normal(0, 0.1, (200, 6))}
    observations = Regression().observations(features, np.arange(200))
    objective = kept(Regression(), "head")
    predicted = rng.normal(size=(200, 10)).astype(np.float32)
    loss = objective(
        batch_of(places(200), torch.from_numpy(observations), lambda _: torch.from_numpy(predicted))
    )
    assert loss.item() == pytest.approx(np.mean((predicted - observations) ** 2), rel=1e-5)
    loss = objective(batch_of(places(200), torch.from_numpy(observations), lambda _: torch.zeros(200, 10)))
    assert loss.item() == pytest.approx(1, rel=1e-5)


def encoder(dropout=0.3):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LocationEncoder(Grid(4, 1.0, 90.0), SpaceFFN(16, 24, 1, 8, dropout=dropout))


@pytest.mark.parametrize("objective", ALL, ids=lambda objective: type(objective).__name__)
def test_gradients_reach_every_parameter(objective):
    trained = encoder()
    objective.attach(trained, 5)
    observations = torch.eye(5).repeat(4, 1)
    objective(batch_of(places(20), observations, trained)).backward()
    parameters = [*trained.named_parameters(), *objective.named_parameters()]
    # A bias that is added to all logits of a cross entropy alike would have none; no objective has one.
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0 for _, parameter in parameters)


@pytest.mark.parametrize("objective", ALL, ids=lambda objective: type(objective).__name__)
def test_the_generator_alone_decides_the_draws(objective):
    trained = encoder().eval()
    objective.eval().attach(trained, 5)
    observations = torch.eye(5).repeat(4, 1)
    with torch.no_grad():
        losses = [objective(batch_of(places(20), observations, trained, seed)).item() for seed in (3, 3, 4)]
    objective.train()
    assert losses[0] == losses[1]
    assert (losses[0] != losses[2]) == isinstance(objective, CSP | PresenceOnly)


def test_a_second_pass_without_dropout_is_refused():
    with pytest.raises(ValueError, match=r"^objective\.simcse_weight: .*network\.dropout"):
        CSP(**TERMS).attach(encoder(dropout=0.0), 5)
    CSP(**TERMS, simcse_weight=0.0).attach(encoder(dropout=0.0), 5)


def test_sinr_head_has_as_many_weights_a_class_as_the_embedding_is_wide():
    objective = PresenceOnly()
    objective.attach(LocationEncoder(Grid(4, 1.0, 90.0), SpaceFFN(16, 24, 1, 256)), 31)
    assert sum(parameter.numel() for parameter in objective.parameters()) == 256 * 31


@pytest.mark.parametrize("objective", ALL, ids=lambda objective: type(objective).__name__)
def test_only_what_is_paired_can_be_found(objective):
    trained = encoder().eval()
    objective.attach(trained, 5)
    pair = objective.pair(batch_of(places(20), torch.eye(5).repeat(4, 1), trained))
    if isinstance(objective, PresenceOnly | Regression):
        assert pair is None
    else:
        assert [side.shape for side in pair] == [(20, 8), (20, 8)]
