"""The contract shared by all objectives, and top-1 retrieval."""

import numpy as np
import pytest
import torch
from objective_data import (
    CSP_TERMS,
    GEOCLIP_QUEUE,
    RecordingEncoder,
    batch_of,
    pairs,
    places,
    small_encoder,
    with_identity,
)
from scipy import stats

from earthdim.pretraining.objectives.base import retrieval_top1
from earthdim.pretraining.objectives.csp import CSP
from earthdim.pretraining.objectives.geoclip import GeoCLIP
from earthdim.pretraining.objectives.info_nce import InfoNCE
from earthdim.pretraining.objectives.presence_only import PresenceOnly
from earthdim.pretraining.objectives.regression import Regression
from earthdim.pretraining.objectives.siglip import SigLIP

ALL = [InfoNCE(), SigLIP(), CSP(**CSP_TERMS), GeoCLIP(**GEOCLIP_QUEUE), PresenceOnly(32.0), Regression()]


@pytest.mark.parametrize(
    ("location", "observation"),
    [
        (torch.ones(3, 2), torch.ones(3, 4)),
        (torch.ones(1, 2), torch.ones(1, 2)),
        (torch.ones(4), torch.ones(4)),
    ],
)
@pytest.mark.parametrize("call", [InfoNCE().loss, SigLIP().loss, CSP(1.0, 1.0, 1.0).loss, retrieval_top1])
def test_invalid_shapes_raise(call, location, observation):
    with pytest.raises(ValueError, match="z_location"):
        call(location, observation)


@pytest.mark.parametrize(
    ("kind", "arguments", "name"),
    [
        (InfoNCE, {"temperature": 0}, "temperature"),
        (InfoNCE, {"temperature": -1}, "temperature"),
        (InfoNCE, {"max_scale": 5}, "max_scale"),
        (SigLIP, {"scale": 0.0}, "scale"),
        (CSP, CSP_TERMS | {"negative_temperature": 0.0}, "negative_temperature"),
        (CSP, CSP_TERMS | {"negative_locations": 0}, "negative_locations"),
        (CSP, CSP_TERMS | {"simcse_weight": -1.0}, "simcse_weight"),
        (GeoCLIP, GEOCLIP_QUEUE | {"queue_size": 0}, "queue_size"),
        (GeoCLIP, GEOCLIP_QUEUE | {"queue_noise_km": -1.0}, "queue_noise_km"),
        (PresenceOnly, {"positive_weight": 0.0}, "positive_weight"),
    ],
)
def test_invalid_arguments_raise(kind, arguments, name):
    with pytest.raises(ValueError, match=f"^{name} must"):
        kind(**arguments)


def test_retrieval_counts_observations_that_retrieve_their_location():
    observation = torch.eye(4)
    location = torch.eye(4)
    assert retrieval_top1(location, observation) == 1
    # Observations 2 and 3 retrieve the wrong location; in the other direction three of four locations would
    # retrieve their observation.
    location[2] = torch.tensor([0.0, 0.0, 0.0, 1.0])
    location[3] = torch.tensor([0.1, 0.0, 0.0, 0.9])
    assert retrieval_top1(location, observation) == 0.5


def test_ties_do_not_count_as_hits():
    assert retrieval_top1(torch.ones(5, 3), torch.ones(5, 3)) == 0


def test_retrieval_of_unrelated_embeddings_is_at_chance():
    location, observation = pairs(n=2000, d=8)
    assert retrieval_top1(location, observation) < 0.005


@pytest.mark.parametrize("objective", ALL, ids=lambda objective: type(objective).__name__)
def test_every_parameter_has_a_gradient(objective):
    trained = small_encoder()
    objective.attach(trained, 5)
    observations = torch.eye(5).repeat(4, 1)
    objective(batch_of(places(20), observations, trained)).backward()
    parameters = [*trained.named_parameters(), *objective.named_parameters()]
    # A bias shared by all logits of a cross-entropy would have zero gradient; no objective has one.
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0 for _, parameter in parameters)


@pytest.mark.parametrize("objective", ALL, ids=lambda objective: type(objective).__name__)
def test_random_draws_depend_on_the_generator_only(objective):
    trained = small_encoder().eval()
    objective.eval().attach(trained, 5)
    observations = torch.eye(5).repeat(4, 1)
    with torch.no_grad():
        losses = [objective(batch_of(places(20), observations, trained, seed)).item() for seed in (3, 3, 4)]
    objective.train()
    assert losses[0] == losses[1]
    assert (losses[0] != losses[2]) == isinstance(objective, CSP | PresenceOnly)


@pytest.mark.parametrize(
    "objective", [CSP(**CSP_TERMS, simcse_weight=0.0), PresenceOnly(8.0)], ids=["CSP", "SINR"]
)
def test_negative_locations_are_uniform_by_area(objective):
    """Kolmogorov-Smirnov test of longitude and sine of latitude; the clustered batch itself would fail it."""
    encoder = RecordingEncoder()
    objective = with_identity(objective, "projection" if isinstance(objective, CSP) else "head")
    objective(batch_of(places(1500) * 0.01, torch.ones(1500, 3, dtype=torch.float64), encoder))
    _, drawn = encoder.calls
    assert drawn.shape == (1500, 2)
    assert stats.kstest(drawn[:, 0].numpy(), stats.uniform(-180, 360).cdf).pvalue > 0.01
    assert stats.kstest(np.sin(np.radians(drawn[:, 1].numpy())), stats.uniform(-1, 2).cdf).pvalue > 0.01


@pytest.mark.parametrize("objective", ALL, ids=lambda objective: type(objective).__name__)
def test_only_contrastive_objectives_return_pairs(objective):
    trained = small_encoder().eval()
    objective.attach(trained, 5)
    pair = objective.pair(batch_of(places(20), torch.eye(5).repeat(4, 1), trained))
    if isinstance(objective, PresenceOnly | Regression):
        assert pair is None
    else:
        assert [side.shape for side in pair] == [(20, 8), (20, 8)]
