"""What several test files read: the packaged data sets, each built once from its leaf; a copy of config/ to spoil."""

import shutil
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from earthdim.build import build
from earthdim.experiment import resolve as grid

CONFIG = Path(__file__).parents[1] / "config"


@pytest.fixture(scope="session")
def packaged():
    """A function from a leaf's name in config/dataset to its Dataset."""

    @cache
    def dataset(name):
        leaf = yaml.safe_load((CONFIG / "dataset" / f"{name}.yaml").read_text(encoding="utf-8"))
        return build({key: value for key, value in leaf.items() if key not in ("about", "requires")})

    return dataset


@pytest.fixture(scope="session")
def leaves(tmp_path_factory):
    """What Hydra makes of config/, kept for all cases: a case composes the file alone that it edits."""
    folder = tmp_path_factory.mktemp("leaves")
    grid.resolve(CONFIG, "tiny", cache=folder)
    return folder


@pytest.fixture
def resolve(tmp_path, monkeypatch, leaves):
    """Resolve an experiment of a copy of config/ after an edit, in a folder of its own."""
    cache = tmp_path / "cache"
    shutil.copytree(leaves, cache)
    monkeypatch.chdir(tmp_path)
    # Else a module of an earlier case would be found.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    folder = tmp_path / "config"
    shutil.copytree(CONFIG, folder)

    def run(edits, experiment="tiny", overrides=()):
        for file, old, new in edits:
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text() if old is not None else ""
            assert old is None or old in text, f"{file} does not hold {old!r}"
            new = new if old is None else text.replace(old, new, 1)
            path.write_bytes(new if isinstance(new, bytes) else new.encode())
        return grid.resolve(folder, experiment, overrides, cache)

    return run
