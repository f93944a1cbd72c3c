"""What several test files read: the packaged data sets, each built once from its leaf."""

from functools import cache
from pathlib import Path

import pytest
import yaml

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
