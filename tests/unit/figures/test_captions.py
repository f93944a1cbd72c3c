"""Captions are valid reStructuredText, with and without facts, and state the measured radii."""

from types import SimpleNamespace

import numpy as np
import pytest
from docutils.core import publish_parts
from figure_drawing import MAPS
from jinja2 import Environment

from earthdim.figures import captions, declaration

FACTS = {
    "n": 10000, "k_local": 100, "seeds": 2, "sample": "land-10000-r0", "task_n": 5000, "split": "blocks",
    "head": "mlp", "draws": 9999, "folds": 5, "block_degrees": 10, "buffer_km": 100, "level": "within",
}  # fmt: skip


def valid(text):
    """Whether docutils parses the text without a message."""
    body = publish_parts(text, writer="html", settings_overrides={"halt_level": 2})["body"]
    return "system-message" not in body


@pytest.mark.parametrize("facts", [FACTS, {}], ids=["facts", "bare"])
@pytest.mark.parametrize("name", declaration.figures())
def test_captions_are_valid_with_and_without_facts(name, facts, large):
    declared = declaration.declared(name)
    read = {"dimension": large.dimension, "maps": MAPS, "controls": large.controls}
    inputs = {key: read[key] for key in (*declared.inputs, *declared.caption_inputs) if key in read and facts}
    text = captions.render(declared.template(), "default", facts, inputs)
    assert "{" not in text
    assert "*Limitations.*" in text
    assert "default" in text
    assert valid(text)
    if facts and "dimension" in inputs and name != "activation":
        assert "4 km (twonn, k = 2), 316 km (mle, mom, tle, k = 20)" in text
    if facts and name == "activation":
        assert "131 km" in text
    if facts and name == "local_maps":
        assert f"{MAPS[0]['neighbour_radius_km'].values[0]:,.0f} km" in text


@pytest.mark.parametrize("name", ["workflow", "table", "datasets"])
def test_captions_of_tables_are_valid(name):
    given = SimpleNamespace(
        params={},
        wildcards=SimpleNamespace(experiment="default", table="probe"),
        config={"experiment": "default"},
    )
    jinja = Environment(trim_blocks=True, lstrip_blocks=True)
    text = jinja.from_string((declaration.CAPTIONS / f"{name}.rst").read_text()).render(snakemake=given)
    assert "{" not in text
    assert valid(text)


def test_radii_are_those_of_the_table(large):
    dimension = large.dimension.assign(neighbour_radius_km=large.dimension["k"].map({20: 0.2234, 2: 51.4}))
    assert (
        captions.radii(dimension, "land-10000-r0") == "51 km (twonn, k = 2), 0.22 km (mle, mom, tle, k = 20)"
    )
    assert captions.radii(dimension, "elsewhere") == ""
    assert captions.radii(dimension.assign(neighbour_radius_km=np.nan), "land-10000-r0") == ""
