"""Leaves: merged as Hydra composes them, composed once each, and again only when a file of theirs changed."""

import re
import shutil
from itertools import cycle
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from earthdim import choices, composition, grid
from earthdim.leaves import ConfigError

CONFIG = Path(__file__).parents[2] / "config"
STORE = composition.LeafStore(CONFIG)
LEVELS, SEEDS = 10, 50


def fitting() -> list[tuple[str, str]]:
    """Every model with every resolution that sets something of it; with "" where none does."""
    found = []
    for model in STORE.options("model"):
        encoding = STORE.get("model", model, "model")["model"]["encoding"]["_target_"]
        fits = [
            name
            for name in STORE.options("resolution")
            if encoding in choices.encodings(STORE.get("resolution", name, "")["resolution"]["encoding"])
        ]
        found += [(model, resolution) for resolution in fits or [""]]
    return found


def assert_merged_as_composed(chosen: dict[str, str]):
    words = [f"{group}={leaf}" if leaf else f"~{group}" for group, leaf in chosen.items()]
    composed = composition.compose(CONFIG, "config", words)
    merged = {}
    for group, leaf in chosen.items():
        if leaf:
            merged = composition.merge(merged, STORE.get(group, leaf, group))
    assert merged == {group: composed[group] for group in merged}


@pytest.mark.parametrize(("model", "resolution"), fitting())
def test_merging_equals_composing(model, resolution):
    assert_merged_as_composed(
        {
            "model": model,
            "resolution": resolution,
            "modality": "rgb",
            "schedule": "short",
            "weights": "trained",
        }
    )


@pytest.mark.parametrize(
    ("modality", "schedule", "weights"),
    list(zip(STORE.options("modality"), cycle(STORE.options("schedule")), cycle(["trained", "untrained"]))),
)
def test_merging_equals_composing_along_the_other_axes(modality, schedule, weights):
    chosen = {"modality": modality, "schedule": schedule, "weights": weights}
    assert_merged_as_composed({"model": "satclip", "resolution": "l40", **chosen})


@pytest.fixture
def composed():
    """Which leaves Hydra composes: a resolver of OmegaConf's that leaves call by `${composed:value,leaf}`."""
    seen = []

    def note(value, leaf):
        seen.append(leaf)
        return value

    OmegaConf.register_new_resolver("composed", note)
    yield seen
    OmegaConf.clear_resolver("composed")


@pytest.fixture
def watched(tmp_path, composed) -> Path:
    """A config folder in which every leaf of `big`, an experiment of a thousand variants, tells when it is composed."""
    folder = tmp_path / "config"
    shutil.copytree(CONFIG, folder)
    for level in range(LEVELS):
        text = (folder / "resolution" / "l10.yaml").read_text().replace("name: l10", f"name: d{level}")
        (folder / "resolution" / f"d{level}.yaml").write_text(
            text.replace("polys: 10", f"polys: {level + 2}")
        )
    names, seeds = ", ".join(f"d{level}" for level in range(LEVELS)), list(range(SEEDS))
    text = (folder / "experiment" / "tiny.yaml").read_text()
    grid_of = f"model: [satclip], resolution: [{names}], schedule: [tiny], seed: {seeds}, modality: [rgb]"
    branches = f"branches:\n  csp: {{{grid_of}, weights: [trained, untrained]}}\n"
    start, end = text.index("branches:"), text.index("sample:")
    (folder / "experiment" / "big.yaml").write_text(text[:start] + branches + text[end:])
    watch(folder, "experiment/big", "title")
    watch(folder, "model/satclip", "hidden_layers")
    watch(folder, "schedule/tiny", "steps")
    watch(folder, "modality/rgb", "pixels")
    watch(folder, "estimator/mle", "k")
    for level in range(LEVELS):
        watch(folder, f"resolution/d{level}", "legendre_polys")
    return folder


def watch(folder: Path, leaf: str, key: str) -> None:
    """Have a leaf tell when it is composed, by the first value of a key."""
    file = folder / f"{leaf}.yaml"
    told = rf"\1 ${{composed:\2,{leaf}}}\n"
    text, count = re.subn(rf"^(\s*{key}:) ([\w ]+\w|\w).*\n", told, file.read_text(), count=1, flags=re.M)
    assert count, f"{leaf} has no {key}"
    file.write_text(text)


def test_a_thousand_variants_take_one_composition_a_leaf_and_an_edit_one_more(watched, composed, tmp_path):
    experiment = grid.resolve(watched, "big", cache=tmp_path / "cache")
    assert len(experiment.variants) == 2 * LEVELS * SEEDS == 1000
    levels = [f"resolution/d{level}" for level in range(LEVELS)]
    # mle-k5 is made of mle; config.yaml's own composition holds its defaults list's leaves.
    once = sorted(["experiment/big", "schedule/tiny", *levels])
    assert sorted(leaf for leaf in composed if leaf in once) == once
    composed.clear()
    assert grid.resolve(watched, "big", cache=tmp_path / "cache") == experiment
    assert composed == []
    file = watched / "resolution" / "d3.yaml"
    file.write_text(file.read_text().replace("composed:5", "composed:77"))
    changed = grid.resolve(watched, "big", cache=tmp_path / "cache")
    assert composed == ["resolution/d3"]
    assert changed.variants["satclip_d3_rgb_tiny_s0"].config["model"]["encoding"]["legendre_polys"] == 77


@pytest.fixture
def small(tmp_path):
    """A config folder with one group."""
    for name in ("a", "b", "c"):
        (tmp_path / "config" / "group").mkdir(parents=True, exist_ok=True)
        (tmp_path / "config" / "group" / f"{name}.yaml").write_text(f"{name}: 1\n")
    return tmp_path / "config"


def leaf(folder, name="a"):
    store = composition.LeafStore(folder, folder.parent / "cache")
    value = store.get("group", name, "key")["group"]
    store.save()
    return value


def test_what_a_leaf_is_made_of_is_followed_as_far_as_it_goes(small):
    (small / "group" / "a.yaml").write_text("defaults: [b, _self_]\na: 1\n")
    (small / "group" / "b.yaml").write_text("defaults: [c, _self_]\nb: 1\n")
    assert leaf(small) == {"a": 1, "b": 1, "c": 1}
    (small / "group" / "c.yaml").write_text("c: 2\n")
    assert leaf(small) == {"a": 1, "b": 1, "c": 2}


def test_optional_defaults_are_looked_for_each_time(small):
    (small / "group" / "a.yaml").write_text("defaults: [{optional sub: d}, _self_]\na: 1\n")
    assert leaf(small) == {"a": 1}
    (small / "group" / "sub").mkdir()
    (small / "group" / "sub" / "d.yaml").write_text("d: 1\n")
    assert leaf(small) == {"a": 1, "sub": {"d": 1}}


def test_a_leaf_that_is_no_more_leaves_the_cache(small):
    leaf(small, "b"), leaf(small, "a")
    (small / "group" / "b.yaml").unlink()
    leaf(small, "c")
    kept = (small.parent / "cache" / "leaves.json").read_text()
    assert '"group/a"' in kept
    assert '"group/b"' not in kept


def test_defaults_that_lead_back_to_themselves_are_refused(small):
    (small / "group" / "a.yaml").write_text("defaults: [b, _self_]\na: 1\n")
    (small / "group" / "b.yaml").write_text("defaults: [a, _self_]\nb: 1\n")
    with pytest.raises(ConfigError, match=r"config/group/a\.yaml: its defaults lead back to itself"):
        leaf(small)


@pytest.mark.parametrize(
    "value", ["${group.b}", "${.b}", "x ${ .b }", "${oc.select:group.b}", "[1, '${.b}']"]
)
def test_a_value_that_refers_to_another_is_refused(small, value):
    # Merging would take the value that this leaf gives it, composing what another leaf gives it.
    (small / "group" / "a.yaml").write_text(f"b: 1\na: {value}\n")
    with pytest.raises(
        ConfigError, match=r"config/group/a\.yaml: group\.a.*refers to a value that another leaf"
    ):
        leaf(small)


def test_a_value_of_the_surroundings_is_taken(small, monkeypatch):
    monkeypatch.setenv("WHERE", "here")
    (small / "group" / "a.yaml").write_text("a: ${oc.env:WHERE}\n")
    assert leaf(small) == {"a": "here"}
