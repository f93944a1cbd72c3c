"""Every recipe trains as its leaf specifies, and every encoding works with every network."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from earthdim.build import build
from earthdim.data.samples.area import sphere
from earthdim.encoders.location import LocationEncoder, build_encoder
from earthdim.experiment.leaves import LeafStore
from earthdim.pretraining.loop import pretrain
from earthdim.pretraining.objectives.base import Batch
from earthdim.pretraining.objectives.presence_only import PresenceOnly
from earthdim.pretraining.rows import Rows

CONFIG = Path(__file__).resolve().parents[3] / "config"
LEAVES = LeafStore(CONFIG)
MODELS = {name: LEAVES.get("model", name, "model")["model"] for name in LEAVES.options("model")}
SCHEDULE = {"batch": 32, "candidates": 32, "steps": 2, "warmup_steps": 0, "evaluate_every": 1}
SCHEDULE |= {"noise": 0, "jitter_km": 0}
ROWS = Rows(np.arange(64), np.arange(64, 128), np.arange(0))
LONLAT = sphere(128, np.random.default_rng(0))
# Each encoding of the leaves once, with their arguments.
ENCODINGS = {str(sorted(leaf["encoding"].items(), key=str)): leaf["encoding"] for leaf in MODELS.values()}
MODULES = {
    "Siren": "siren",
    "MLP": "mlp",
    "Capsules": "capsules",
    "SpaceFFN": "space_ffn",
    "ResidualFCNet": "residual_fc_net",
}
NETWORKS = {
    "Siren": {"width": 16, "hidden_layers": 2, "outputs": 8},
    "MLP": {"width": 16, "hidden_layers": 2, "outputs": 8},
    "Capsules": {"width": 16, "hidden_layers": 1, "outputs": 8},
    "SpaceFFN": {"width": 16, "hidden_layers": 2, "outputs": 8, "dropout": 0.1},
    "ResidualFCNet": {"width": 8, "blocks": 2, "dropout": 0.1},
}


@pytest.fixture(autouse=True)
def one_thread():
    """One thread, as in all jobs; small products are slow on several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def features_for(objective):
    """Random features, or random classes for an objective that requires them."""
    rng = np.random.default_rng(1)
    if isinstance(objective, PresenceOnly):
        return {"classes": np.eye(5, dtype=np.float32)[rng.integers(0, 5, len(LONLAT))]}
    return {"random": rng.normal(size=(len(LONLAT), 12)).astype(np.float32)}


@pytest.mark.parametrize("model", MODELS)
def test_every_recipe_trains_and_restores_its_state(model):
    recipe = MODELS[model]
    features = features_for(build(recipe["objective"]))
    encoder = build_encoder(recipe, seed=0)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    result = pretrain(encoder, features, LONLAT, ROWS, recipe, SCHEDULE, 0, lambda line: None)
    assert np.isfinite(result.curve[["train_loss", "val_loss"]].to_numpy()).all()
    assert any(not torch.equal(before[name], value) for name, value in result.state.items())
    other = build_encoder(recipe, seed=1)
    other.load_state_dict(result.state)
    np.testing.assert_array_equal(other.embed(LONLAT), encoder.embed(LONLAT))


@pytest.mark.parametrize("model", MODELS)
def test_every_recipe_can_overfit_one_batch(model):
    """Eight steps at the learning rate of the leaf on one batch, with fixed random draws, lower the loss."""
    recipe = MODELS[model]
    encoder, objective = build_encoder(recipe, seed=0), build(recipe["objective"])
    observations = torch.from_numpy(objective.observations(features_for(objective), np.arange(32))[:32])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        objective.attach(encoder, observations.shape[1])
        trained = torch.nn.ModuleList((encoder, objective))
        optimiser = torch.optim.AdamW(trained.parameters(), lr=recipe["optimiser"]["lr"])

        def evaluated():
            trained.eval()
            with torch.no_grad():
                return objective(batch()).item()

        def batch():
            places = torch.from_numpy(LONLAT[:32])
            return Batch(encoder, places, observations, np.random.default_rng(0))

        before = evaluated()
        for _ in range(8):
            trained.train()
            optimiser.zero_grad()
            objective(batch()).backward()
            optimiser.step()
        assert evaluated() < before


@cache
def encoding_of(name):
    """Encodings have no trainable parameters and some take seconds to build, so tests share them."""
    return build(ENCODINGS[name])


def network_for(kind, width):
    """A small network of a kind; capsules divide the features evenly, into at most three parts."""
    torch.manual_seed(0)
    more = {"capsules": max(n for n in (3, 2, 1) if width % n == 0)} if kind == "Capsules" else {}
    return build(
        {"_target_": f"earthdim.encoders.networks.{MODULES[kind]}.{kind}", **NETWORKS[kind], **more},
        inputs=width,
    )


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    "encoding", ENCODINGS, ids=lambda name: ENCODINGS[name]["_target_"].rpartition(".")[2]
)
def test_every_encoding_works_with_every_network(encoding, network):
    """Builds, trains a step, embeds at the poles and the date line, and restores its state."""
    with torch.random.fork_rng(devices=[]):
        encoder, other = (
            LocationEncoder(encoding_of(encoding), network_for(network, encoding_of(encoding).width))
            for _ in range(2)
        )
    recipe = {"objective": MODELS["satclip"]["objective"], "optimiser": {"lr": 0.001, "weight_decay": 0.01}}
    schedule = SCHEDULE | {"steps": 1}
    result = pretrain(encoder, features_for(None), LONLAT, ROWS, recipe, schedule, 0, lambda line: None)
    edges = np.array([[0.0, 90.0], [0.0, -90.0], [-180.0, 0.0], [180.0, 0.0], *LONLAT[:5]])
    embedded = encoder.embed(edges)
    assert embedded.shape == (9, 8)
    assert not np.array_equal(other.embed(edges), embedded)
    other.load_state_dict(result.state)
    np.testing.assert_array_equal(other.embed(edges), embedded)
