"""Captions, rendered from a template, the configuration and measured values."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jinja2 import Environment

from earthdim.analysis.gate import verdict


def render(template: str, experiment: str, facts: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """Render the caption of a figure.

    Parameters
    ----------
    template : str
        reStructuredText with Jinja references to `facts` and `experiment`.
    experiment : str
        Name of the experiment.
    facts : mapping
        Values from the configuration. The neighbour radii measured from `inputs` are added.
    inputs : mapping
        Tables and stores by name. Neighbour radii on the ground are taken from `dimension` and `maps`, and the
        verdict from `controls`, where given.

    Returns
    -------
    str
        The caption, ending in a newline.
    """
    measured = {}
    if "dimension" in inputs:
        measured["radii"] = radii(inputs["dimension"], facts.get("sample"))
        measured["activation_radius"] = activation_radius(
            inputs["dimension"], facts.get("split"), facts.get("head")
        )
    if "controls" in inputs:
        controls = inputs["controls"]
        measured["verdict"] = verdict(controls, list(controls)[: list(controls).index("control")])
    if "maps" in inputs:
        measured["map_radius"] = map_radius(inputs["maps"])
    jinja = Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False)
    text = jinja.from_string(template).render(facts={**facts, **measured}, experiment=experiment)
    return text.strip() + "\n"


def radii(dimension: pd.DataFrame, points: str | None) -> str:
    """Format the neighbour radius on the ground of each estimator at one point set.

    Parameters
    ----------
    dimension : DataFrame
        dimension.csv; its neighbour_radius_km is measured over the distinct points of each embedding.
    points : str or None
        The point set.

    Returns
    -------
    str
        Medians over variants, one per k, e.g. "51 km (twonn, k = 2)"; "" if no estimator has a k.
    """
    rows = dimension[(dimension["space"] == "embedding") & (dimension["points"] == points)]
    rows = rows[rows["neighbour_radius_km"].notna()]
    words = []
    for k, part in rows.groupby("k", sort=True):
        names = ", ".join(dict.fromkeys(part["estimator"]))
        words.append(f"{kilometres(part['neighbour_radius_km'].median())} ({names}, k = {k:.0f})")
    return ", ".join(words)


def activation_radius(dimension: pd.DataFrame, split: str | None, head: str | None) -> str:
    """Format the median neighbour radius among the test points of a fold; "" if none was measured."""
    rows = dimension[(dimension["space"] == "activation") & (dimension["split"] == split)]
    found = rows.loc[rows["head"] == head, "neighbour_radius_km"].dropna()
    return kilometres(found.median()) if len(found) else ""


def map_radius(maps: Sequence[xr.Dataset]) -> str:
    """Format the range, over maps, of the median neighbour radius; "" if there are no maps."""
    found = [float(np.median(one["neighbour_radius_km"])) for one in maps]
    ends = list(dict.fromkeys(kilometres(value) for value in (min(found), max(found)))) if found else []
    return " to ".join(ends)


def kilometres(value: float) -> str:
    """Format a distance: whole kilometres from 10 km on, two significant digits below."""
    return f"{value:,.0f} km" if value >= 10 else f"{value:.2g} km"
