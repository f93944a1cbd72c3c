"""A training step on another device leaves no part of the computation on the CPU.

Torch's device `meta` has shapes but no values. Like a GPU, it cannot be mixed with CPU tensors.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from earthdim.build import build
from earthdim.encoders.location import build_encoder
from earthdim.experiment.leaves import LeafStore
from earthdim.pretraining.loop import pretrain
from earthdim.pretraining.objectives.base import Batch

STORE = LeafStore(Path(__file__).parents[3] / "config")
# Its queue needs concrete numbers, because coordinates are moved by NumPy.
WITH_NUMBERS = {"geoclip-queue"}
# The published recipes are the same code at a larger size.
RECIPES = [name for name in STORE.options("model") if name not in WITH_NUMBERS and not name.endswith("-full")]


@pytest.mark.parametrize("name", RECIPES)
def test_a_step_of_every_recipe_runs_off_the_cpu(name):
    model = STORE.get("model", name, "model")["model"]
    encoder, objective = build_encoder(model, seed=0), build(model["objective"])
    objective.attach(encoder, 8)
    trained = torch.nn.ModuleList((encoder, objective)).to("meta")
    places = torch.empty(16, 2, dtype=torch.float64, device="meta")
    batch = Batch(encoder, places, torch.empty(16, 8, device="meta"), np.random.default_rng(0))
    loss = objective(batch)
    loss.backward()
    assert loss.is_meta
    assert any(parameter.grad is not None for parameter in trained.parameters())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_device_raises():
    with pytest.raises(ValueError, match=r"pretraining\.device: cuda, but torch finds no GPU"):
        pretrain(
            None, {"rgb": np.zeros((6, 2))}, np.zeros((6, 2)), np.arange(4, 6), {}, SCHEDULE, 0, print, "cuda"
        )


SCHEDULE = {"batch": 2, "candidates": 2, "steps": 2, "warmup_steps": 1}
