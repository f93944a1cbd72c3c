"""What several test files read: the packaged data sets, each built once from its leaf; a copy of config/ to spoil."""

import copy
import shutil
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from earthdim import composition, grid
from earthdim.build import build

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="session")
def packaged():
    """A function from a leaf's name in config/dataset to its Dataset."""

    @cache
    def dataset(name):
        leaf = yaml.safe_load((CONFIG / "dataset" / f"{name}.yaml").read_text(encoding="utf-8"))
        return build({key: value for key, value in leaf.items() if key not in ("about", "requires")})

    return dataset


@pytest.fixture(scope="session")
def composed():
    """What Hydra made of files, kept for all cases: a case composes its own file alone."""
    return {}


def texts(folder, name):
    """The file of a name, and the files that its defaults list leads to."""
    file = folder / f"{name}.yaml"
    content = file.read_bytes() if file.is_file() else b""
    yield content
    for entry in yaml.safe_load(content)["defaults"] if b"defaults:" in content else ():
        if entry != "_self_":
            group, leaf = (
                next(iter(entry.items())) if isinstance(entry, dict) else (name.rpartition("/")[0], entry)
            )
            yield from texts(folder, f"{group}/{leaf}")


@pytest.fixture
def resolve(tmp_path, monkeypatch, composed):
    """Resolve an experiment of a copy of config/ after an edit, in a folder of its own."""
    real = composition.compose

    def once(folder, name, overrides=()):
        key = (name, *texts(folder, name))
        if key not in composed:
            composed[key] = real(folder, name, overrides)
        return copy.deepcopy(composed[key])

    monkeypatch.setattr(composition, "compose", once)
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
        return grid.resolve(folder, experiment, overrides)

    return run
