"""Every model recipe at every resolution that applies to it."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from earthdim.build import build
from earthdim.encoders import build_encoder

CONFIG = Path(__file__).resolve().parents[2] / "config"
MODELS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((CONFIG / "model").glob("*.yaml"))}
RESOLUTIONS = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted((CONFIG / "resolution").glob("*.yaml"))
}
CELLS = [
    (model, resolution)
    for model, recipe in MODELS.items()
    for resolution, leaf in RESOLUTIONS.items()
    if leaf["resolution"]["encoding"] == recipe["encoding"]["_target_"]
]
LONLAT = np.array([[12.5, 41.9], [-180.0, 0.0], [180.0, 0.0], [0.0, 90.0], [0.0, -90.0]])


def at(model, resolution):
    recipe, knob = MODELS[model], RESOLUTIONS[resolution]["model"]["encoding"]
    assert set(knob) <= set(recipe["encoding"]), f"{resolution} sets a key that {model} does not have"
    return {**recipe, "encoding": {**recipe["encoding"], **knob}}


def test_every_model_has_its_resolutions_and_every_resolution_a_model():
    assert {model for model, _ in CELLS} == set(MODELS)
    assert {resolution for _, resolution in CELLS} == set(RESOLUTIONS)


@pytest.mark.parametrize(("model", "resolution"), CELLS)
def test_builds_and_embeds(model, resolution):
    encoder = build_encoder(at(model, resolution), seed=0)
    embedded = encoder.embed(LONLAT)
    assert embedded.shape == (5, encoder.ambient_dim)
    assert encoder.ambient_dim == (512 if model == "geoclip-full" else 256)


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_resolution_leaf_is_global_and_carries_its_name(resolution):
    text = (CONFIG / "resolution" / f"{resolution}.yaml").read_text()
    assert text.startswith("# @package _global_\n")
    assert RESOLUTIONS[resolution]["resolution"]["name"] == resolution


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_resolution_leaf_states_its_nominal_wavelength(resolution):
    model = next(model for model, token in CELLS if token == resolution)
    wavelength = build(at(model, resolution)["encoding"]).nominal_wavelength_km
    assert f"{wavelength:,.0f} km" in (CONFIG / "resolution" / f"{resolution}.yaml").read_text()


@pytest.mark.parametrize(("model", "resolution"), [cell for cell in CELLS if cell[0].startswith("geoclip")])
def test_one_capsule_a_sigma(model, resolution):
    recipe = at(model, resolution)
    assert recipe["network"]["capsules"] == len(recipe["encoding"]["sigmas"])


@pytest.mark.parametrize(
    ("model", "resolution", "parameters"),
    [
        ("satclip-full", "l10", 445_696),
        ("satclip-full", "l40", 1_213_696),
        ("geoclip-full", "sigma256", 9_447_936),
        ("csp-full", "amin0p1", 198_400),
    ],
)
def test_full_recipes_have_the_published_sizes(model, resolution, parameters):
    assert build_encoder(at(model, resolution), seed=0).parameters_count == parameters


@pytest.mark.parametrize("model", MODELS)
def test_family_objective_and_optimiser(model):
    recipe = MODELS[model]
    assert recipe["family"] == model.removesuffix("-full")
    build(recipe["objective"])
    assert recipe["optimiser"]["lr"] > 0
    assert recipe["optimiser"]["weight_decay"] >= 0


def test_weights_leaves_state_their_kind():
    kinds = {
        path.stem: yaml.safe_load(path.read_text())["kind"] for path in (CONFIG / "weights").rglob("*.yaml")
    }
    assert kinds == {"trained": "trained", "untrained": "untrained", "released": "released"}
