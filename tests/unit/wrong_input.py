"""What tests of bad input share: an edit of a copy of config/, and the one sentence that must come of it."""

from pathlib import Path

import pytest

from earthdim.experiment.validation import ConfigError

ROOT = Path(__file__).parents[2]
TINY = "experiment/tiny.yaml"
TREE = (ROOT / "config" / TINY).read_text()
# An experiment of dimension alone, with one encoder that comes as it is.
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
_target_: earthdim.encoders.custom.table.embeddings
file: t.csv
features: emb_*
"""
RASTER = """
_target_: earthdim.data.datasets.files.raster_file
path: r.nc
variable: v
about: {title: t, package: xarray, source: s, licence: l, citation: c}
"""


def refused(resolve, message, *arguments, **more):
    with pytest.raises(ConfigError) as caught:
        resolve(*arguments, **more)
    told = str(caught.value)
    assert message in told, told
    assert "\n" not in told


def whole(file, text):
    return (file, None, text)
