"""Every model recipe at every resolution that applies to it."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from earthdim.build import build
from earthdim.encoders.location import build_encoder
from earthdim.experiment.leaves import LeafStore

CONFIG = Path(__file__).resolve().parents[2] / "config"
LEAVES = LeafStore(CONFIG)
MODELS = {name: LEAVES.get("model", name, "model")["model"] for name in LEAVES.options("model")}
RESOLUTIONS = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted((CONFIG / "resolution").glob("*.yaml"))
}


def fits(resolution):
    """The encodings that a resolution leaf applies to: one, or a list."""
    encodings = RESOLUTIONS[resolution]["resolution"]["encoding"]
    return [encodings] if isinstance(encodings, str) else encodings


CELLS = [
    (model, resolution)
    for model, recipe in MODELS.items()
    for resolution in RESOLUTIONS
    if recipe["encoding"]["_target_"] in fits(resolution)
]
# An encoding without arguments has no resolutions.
KNOBLESS = [model for model, recipe in MODELS.items() if set(recipe["encoding"]) == {"_target_"}]
LONLAT = np.array([[12.5, 41.9], [-180.0, 0.0], [180.0, 0.0], [0.0, 90.0], [0.0, -90.0]])


def at(model, resolution):
    if resolution is None:
        return MODELS[model]
    recipe = dict(MODELS[model])
    for part, knob in RESOLUTIONS[resolution]["model"].items():
        assert set(knob) <= set(recipe[part]), f"{resolution} sets a key that {model} does not have"
        recipe[part] = {**recipe[part], **knob}
    return recipe


def test_every_model_has_its_resolutions_and_every_resolution_a_model():
    assert {model for model, _ in CELLS} == set(MODELS) - set(KNOBLESS)
    assert {resolution for _, resolution in CELLS} == set(RESOLUTIONS)


@pytest.mark.parametrize(("model", "resolution"), [*CELLS, *((model, None) for model in KNOBLESS)])
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
    stated = f"{wavelength:,.0f} km" if wavelength >= 1 else f"{wavelength:.1f} km"
    assert stated in (CONFIG / "resolution" / f"{resolution}.yaml").read_text()


@pytest.mark.parametrize(
    ("model", "resolution"),
    [
        cell
        for cell in CELLS
        if MODELS[cell[0]]["network"]["_target_"] == "earthdim.encoders.networks.capsules.Capsules"
    ],
)
def test_one_capsule_per_sigma(model, resolution):
    recipe = at(model, resolution)
    assert recipe["network"]["capsules"] == len(recipe["encoding"]["sigmas"])


@pytest.mark.parametrize(
    ("model", "resolution", "parameters"),
    [
        ("satclip-full", "l10", 445_696),
        ("satclip-full", "l40", 1_213_696),
        ("geoclip-full", "sigma256", 9_447_936),
        ("csp-full", "amin0p1", 198_400),
        ("sinr-full", None, 527_616),
    ],
)
def test_full_recipes_have_the_published_sizes(model, resolution, parameters):
    assert build_encoder(at(model, resolution), seed=0).parameters_count == parameters


@pytest.mark.parametrize("model", MODELS)
def test_family_objective_and_optimiser(model):
    recipe = MODELS[model]
    assert model == recipe["family"] or model.startswith(f"{recipe['family']}-")
    build(recipe["objective"])
    assert recipe["optimiser"]["lr"] > 0
    assert recipe["optimiser"]["weight_decay"] >= 0


@pytest.mark.parametrize(
    ("model", "like", "differ"),
    [
        ("geoclip-queue", "geoclip", {"objective"}),
        ("csp-terms", "csp", {"objective", "network"}),
        ("sinr-full", "sinr", {"objective", "network", "optimiser"}),
    ],
)
def test_variants_of_a_recipe_differ_only_in_the_stated_keys(model, like, differ):
    """Differences between two variants of a recipe are then due to the objective."""
    assert {key for key, value in MODELS[model].items() if value != MODELS[like][key]} == differ
    if "network" in differ:
        changed = {
            key for key, value in MODELS[model]["network"].items() if value != MODELS[like]["network"][key]
        }
        assert changed == {"dropout"}


def test_full_recipes_keep_the_published_losses():
    csp, geoclip, sinr = (MODELS[f"{name}-full"]["objective"] for name in ("csp", "geoclip", "sinr"))
    names = (
        "batch_temperature",
        "negative_temperature",
        "simcse_temperature",
        "negative_weight",
        "simcse_weight",
    )
    assert [csp[name] for name in names] == [20, 1, 1, 1, 1]
    assert (geoclip["queue_size"], geoclip["noise_km"], geoclip["queue_noise_km"]) == (4096, 0.15, 1.0)
    assert sinr["positive_weight"] == 2048


def test_weights_leaves_state_their_kind():
    folder = CONFIG / "weights"
    for name in ("trained", "untrained"):
        assert yaml.safe_load((folder / f"{name}.yaml").read_text())["kind"] == name
    for path in folder.glob("*/*.yaml"):
        assert yaml.safe_load(path.read_text())["kind"] == "released", path
