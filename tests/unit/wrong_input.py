"""Shared by tests of invalid input: edits of a copy of config/, and the error that must follow."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earthdim.experiment.validation import ConfigError

ROOT = Path(__file__).parents[2]
TINY = "experiment/tiny.yaml"
TREE = (ROOT / "config" / TINY).read_text()
# An experiment that measures dimension only, with one external encoder.
OWN = """
title: Brought along
branches: {mine: {weights: [mine]}}
sample: land-500
estimators: [mle]
local_estimator: mle
datasets: []
figures: []
"""
RELEASED = OWN.replace("[mine]", "[geoclip/released]")
TABLE = """
kind: table
model: stations
n: 400
build:
  _target_: earthdim.encoders.custom.table.embeddings
  file: t.csv
  features: emb_*
"""
RASTER = """
about: {title: t, package: xarray, source: s, licence: l, citation: c}
build:
  _target_: earthdim.data.datasets.files.raster_file
  path: r.nc
  variable: v
"""


def refused(resolve, message, *arguments, **more):
    with pytest.raises(ConfigError) as caught:
        resolve(*arguments, **more)
    error = str(caught.value)
    assert message in error, error
    assert "\n" not in error


def whole(file, text):
    return (file, None, text)


def refused_with(resolve, message, file, leaf, experiment=OWN):
    """Check that an experiment with a custom leaf fails."""
    refused(resolve, message, [whole("experiment/own.yaml", experiment), whole(file, leaf)], "own")


def table(n=400, **columns):
    rng = np.random.default_rng(0)
    known = {
        "lon": rng.uniform(-180, 180, n),
        "lat": rng.uniform(-90, 90, n),
        "emb_0": rng.normal(size=n),
        "emb_1": rng.normal(size=n),
    }
    return pd.DataFrame({name: column for name, column in {**known, **columns}.items() if column is not None})


def csv(**columns):
    return lambda path: table(**columns).to_csv(path, index=False)


def text(content):
    return lambda path: path.write_text(content)
