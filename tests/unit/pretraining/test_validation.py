"""Validation: near losses, losses in regions, and the step that is kept."""

import numpy as np
import pytest
import torch
from pretraining_data import MODEL, SCHEDULE, encoder, model

from earthdim.data.samples.area import sphere
from earthdim.geo import equal_area_blocks
from earthdim.pretraining.loop import pretrain
from earthdim.pretraining.rows import assign, drawn

REGIONS = SCHEDULE | {
    "locations": 900,
    "regions": 64,
    "region_degrees": 30,
    "region_share": 0.2,
    "buffer_km": 500,
    "warmup_steps": 0,
    "steps": 300,
    "evaluate_every": 10,
}


@pytest.fixture(autouse=True)
def one_thread():
    """One thread, as in all jobs; small products are slow on several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data():
    """Made to overfit: each block has features of its own, so nothing learnt elsewhere holds in a held-out one."""
    lonlat = sphere(drawn(REGIONS), np.random.default_rng(0))
    of_block = np.random.default_rng(1).normal(size=(200, 24))[equal_area_blocks(lonlat, 30)]
    noise = np.random.default_rng(2).normal(scale=0.3, size=of_block.shape)
    return {"a": (of_block + noise).astype(np.float32)}, lonlat


def trained(data, seed=0, **change):
    schedule = REGIONS | change
    rows = assign(data[1], schedule)
    return pretrain(encoder(), *data, rows, MODEL, schedule, seed, lambda line: None)


def test_the_best_step_is_that_of_the_regions_and_can_lie_before_the_last(data):
    result = trained(data)
    curve = result.curve.set_index("step")
    assert result.step == curve["region_loss"].idxmin() < 100
    # Near the training locations the loss still falls: it would have chosen a later step.
    assert curve["val_loss"].idxmin() > 200
    assert result.losses.region_loss == curve["region_loss"].min()
    assert result.losses.val_loss == curve.loc[result.step, "val_loss"]
    assert curve["region_loss"].iloc[-1] > result.losses.region_loss + 1


def test_held_out_regions_do_not_affect_the_weights(data):
    features, lonlat = data
    rows = assign(lonlat, REGIONS)
    spoilt = features["a"].copy()
    spoilt[rows.regions] = 7.0
    schedule = REGIONS | {"steps": 20, "evaluate_every": 20}
    one, two = (
        pretrain(encoder(), {"a": values}, lonlat, rows, MODEL, schedule, 0, lambda line: None)
        for values in (features["a"], spoilt)
    )
    assert all(torch.equal(one.state[name], two.state[name]) for name in one.state)
    assert one.losses.val_loss == two.losses.val_loss
    assert one.losses.region_loss != two.losses.region_loss


def test_noise_and_jitter_change_training_and_no_evaluation(data):
    """At a learning rate near 0 the losses of validation are those without noise."""
    frozen = MODEL | {"optimiser": {"lr": 1e-30, "weight_decay": 0.0}}
    rows = assign(data[1], REGIONS)
    plain, noisy = (
        pretrain(encoder(), *data, rows, frozen, REGIONS | {"steps": 4, **change}, 0, lambda line: None).curve
        for change in ({}, {"noise": 2.0, "jitter_km": 800.0})
    )
    assert plain["val_loss"].equals(noisy["val_loss"])
    assert plain["region_loss"].equals(noisy["region_loss"])
    assert not plain["train_loss"].equals(noisy["train_loss"])


@pytest.mark.parametrize(
    ("objective", "scale"),
    [("InfoNCE", 1 / 0.07), ("SigLIP", 10.0), ("Regression", None), ("CSP", None)],
)
def test_the_logit_scale_is_recorded_where_there_is_one(data, objective, scale):
    schedule = REGIONS | {"steps": 1}
    frozen = model(objective) | {"optimiser": {"lr": 1e-30, "weight_decay": 0.0}}
    rows = assign(data[1], schedule)
    result = pretrain(encoder(0.1), *data, rows, frozen, schedule, 0, lambda line: None)
    assert result.losses.logit_scale == (None if scale is None else pytest.approx(scale))


def test_noise_is_rejected_where_observations_are_classes(data):
    octant = np.eye(8, dtype=np.float32)[np.arange(len(data[1])) % 8]
    schedule, features = REGIONS | {"noise": 1.0}, {"a": octant}
    arguments = (assign(data[1], schedule), model("PresenceOnly"), schedule, 0, print)
    with pytest.raises(ValueError, match=r"^schedule\.noise: "):
        pretrain(encoder(), features, data[1], *arguments)
