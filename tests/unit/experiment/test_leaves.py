"""Leaves: merging equals composition by Hydra; each is composed once, and again only if one of its files changed."""

import json
import shutil
from itertools import cycle
from pathlib import Path

import pytest

from earthdim.experiment import leaves, parts, resolve
from earthdim.experiment.overrides import merge

CONFIG = Path(__file__).parents[3] / "config"
STORE = leaves.LeafStore(CONFIG)
LEVELS, SEEDS = 10, 50


def fitting() -> list[tuple[str, str]]:
    """Every model with every resolution that sets something of it; with "" where none does."""
    found = []
    for model in STORE.options("model"):
        encoding = STORE.get("model", model, "model")["model"]["encoding"]["_target_"]
        fits = [
            name
            for name in STORE.options("resolution")
            if encoding in parts.encodings(STORE.get("resolution", name, "")["resolution"]["encoding"])
        ]
        found += [(model, resolution) for resolution in fits or [""]]
    return found


def assert_merged_as_composed(chosen: dict[str, str]):
    words = [f"{group}={leaf}" if leaf else f"~{group}" for group, leaf in chosen.items()]
    composed = leaves.compose(CONFIG, "config", words)
    merged = {}
    for group, leaf in chosen.items():
        if leaf:
            merged = merge(merged, STORE.get(group, leaf, group))
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
def composed(monkeypatch):
    """Names of the leaves that Hydra composes, in their order."""
    seen = []
    real = leaves.compose

    def noted(folder, name, overrides=()):
        seen.append(name)
        return real(folder, name, overrides)

    monkeypatch.setattr(leaves, "compose", noted)
    return seen


@pytest.fixture
def thousand(tmp_path) -> Path:
    """A config folder with `big`, an experiment of a thousand variants."""
    folder = tmp_path / "config"
    shutil.copytree(CONFIG, folder)
    for level in range(LEVELS):
        text = (folder / "resolution" / "l10.yaml").read_text().replace("name: l10", f"name: d{level}")
        (folder / "resolution" / f"d{level}.yaml").write_text(
            text.replace("polys: 10", f"polys: {level + 2}")
        )
    names, seeds = ", ".join(f"d{level}" for level in range(LEVELS)), list(range(SEEDS))
    # The branch has the name of the one that tiny's costly parts ask for.
    text = (folder / "experiment" / "tiny.yaml").read_text().replace("branches: [csp]", "branches: [part]")
    grid_of = f"model: [satclip], resolution: [{names}], schedule: [tiny], seed: {seeds}, modality: [rgb]"
    branches = f"branches:\n  part: {{{grid_of}, weights: [trained, untrained]}}\n"
    start, end = text.index("branches:"), text.index("sample:")
    (folder / "experiment" / "big.yaml").write_text(text[:start] + branches + text[end:])
    return folder


def test_each_leaf_is_composed_once_and_again_after_an_edit(thousand, composed, tmp_path):
    experiment = resolve.resolve(thousand, "big", cache=tmp_path / "cache")
    assert len(experiment.variants) == 2 * LEVELS * SEEDS == 1000
    assert len(composed) == len(set(composed))
    assert {"config", "experiment/big", "schedule/tiny", *(f"resolution/d{n}" for n in range(LEVELS))} <= set(
        composed
    )
    composed.clear()
    assert resolve.resolve(thousand, "big", cache=tmp_path / "cache") == experiment
    assert composed == []
    file = thousand / "resolution" / "d3.yaml"
    file.write_text(file.read_text().replace("polys: 5", "polys: 77"))
    changed = resolve.resolve(thousand, "big", cache=tmp_path / "cache")
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
    store = leaves.LeafStore(folder, folder.parent / "cache")
    value = store.get("group", name, "key")["group"]
    store.save()
    return value


def test_a_change_of_any_file_behind_a_leaf_recomposes_it(small):
    (small / "group" / "a.yaml").write_text("defaults: [b, _self_]\na: 1\n")
    (small / "group" / "b.yaml").write_text("defaults: [c, _self_]\nb: 1\n")
    assert leaf(small) == {"a": 1, "b": 1, "c": 1}
    (small / "group" / "c.yaml").write_text("c: 2\n")
    assert leaf(small) == {"a": 1, "b": 1, "c": 2}


def test_optional_defaults_added_later_are_found(small):
    (small / "group" / "a.yaml").write_text("defaults: [{optional sub: d}, _self_]\na: 1\n")
    assert leaf(small) == {"a": 1}
    (small / "group" / "sub").mkdir()
    (small / "group" / "sub" / "d.yaml").write_text("d: 1\n")
    assert leaf(small) == {"a": 1, "sub": {"d": 1}}


@pytest.mark.parametrize("text", ["", "[]", '{"leaves": {}}', '{"hydra": 1', '{"by": 1, "leaves": 2}'])
def test_a_damaged_or_outdated_cache_is_recomposed(small, text):
    leaf(small)
    (small.parent / "cache" / "leaves.json").write_text(text)
    assert leaf(small) == {"a": 1}


def test_a_cache_written_by_other_code_is_recomposed(small, monkeypatch):
    leaf(small)
    # Simulates a cache from before a change of the checks.
    monkeypatch.setattr(leaves.config_files, "__file__", str(small / "group" / "b.yaml"))
    leaves._composer.cache_clear()
    path = small.parent / "cache" / "leaves.json"
    kept = json.loads(path.read_text())
    kept["leaves"]["group/a"]["config"]["group"]["a"] = 2
    path.write_text(json.dumps(kept))
    assert leaf(small) == {"a": 1}
    leaves._composer.cache_clear()


def test_a_deleted_leaf_is_removed_from_the_cache(small):
    leaf(small, "b"), leaf(small, "a")
    (small / "group" / "b.yaml").unlink()
    leaf(small, "c")
    kept = (small.parent / "cache" / "leaves.json").read_text()
    assert '"group/a"' in kept
    assert '"group/b"' not in kept
