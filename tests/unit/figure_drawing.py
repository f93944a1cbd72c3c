"""Every figure drawn from the synthetic tables, for the tests of figures."""

from functools import cache

import yaml
from figure_tables import coastline, local_map, tables
from places import CONFIG

from earthdim.figures import (
    controls,
    gap,
    heads,
    local_maps,
    loss,
    modality,
    performance,
    resolution,
    scale,
    table1,
    twins,
)

LINEAR = ["ridge", "logistic"]
CELL = yaml.safe_load((CONFIG / "statistics" / "default.yaml").read_text())["cell"]
MAPS = [local_map("satclip_l10", n=500), local_map("geoclip_released", n=500, level=9.0)]

FIGURES = {
    "resolution": lambda t: resolution.draw(t.variants, t.dimension, cell=CELL),
    "modality": lambda t: modality.draw(t.variants, t.dimension),
    "twins": lambda t: twins.draw(t.variants, t.dimension, cell=CELL),
    "performance": lambda t: performance.draw(
        t.variants, t.dimension, t.probe, t.correlation, estimator="fishers", split="blocks", heads=LINEAR,
        cell=CELL,
    ),
    "activation": lambda t: performance.draw(
        t.variants, t.dimension, t.probe, t.correlation, estimator="twonn", split="blocks", heads=["mlp"],
        space="activation", cell=CELL,
    ),
    "controls": lambda t: controls.draw(t.controls),
    "gap": lambda t: gap.draw(t.variants, t.probe, heads=LINEAR, cell=CELL),
    "heads": lambda t: heads.draw(
        t.correlation, level="within", heads={"linear": LINEAR, "MLP": ["mlp"]}, splits=["random", "blocks"]
    ),
    "local_maps": lambda t: local_maps.draw(MAPS, coastline()),
    "loss": lambda t: loss.draw(t.variants, t.curves, batch=512),
    "scale": lambda t: scale.draw(t.variants, t.scale, t.jacobian),
    "table1": lambda t: table1.draw(t.table1),
}  # fmt: skip
"""Name of a figure -> function that draws it from the tables of `figure_tables.tables`."""


@cache
def drawn(name, large):
    """Draw a figure once, with its layout applied."""
    figure = FIGURES[name](tables(large=large))
    figure.draw_without_rendering()
    return figure
