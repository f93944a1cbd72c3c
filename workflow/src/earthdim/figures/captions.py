"""Captions: a template, what the config tells, and what was measured."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jinja2 import Environment


def render(template: str, experiment: str, facts: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """Write a figure's caption.

    Parameters
    ----------
    template : str
        reStructuredText in which Jinja finds `facts` and `experiment`.
    experiment : str
        The experiment's name.
    facts : mapping
        What its config tells.
    inputs : mapping
        Tables and stores by name: the reach of the neighbours on the ground is that of dimension.csv, or of maps.
    """
    measured = {}
    if "dimension" in inputs:
        measured["radii"] = radii(inputs["dimension"], facts.get("sample"))
        measured["activation_radius"] = activation_radius(
            inputs["dimension"], facts.get("split"), facts.get("head")
        )
    if "maps" in inputs:
        measured["map_radius"] = map_radius(inputs["maps"])
    jinja = Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False)
    text = jinja.from_string(template).render(facts={**facts, **measured}, experiment=experiment)
    return text.strip() + "\n"


def radii(dimension: pd.DataFrame, points: str | None) -> str:
    """How far on the ground the neighbours of each estimator reach at a point set, in words.

    Parameters
    ----------
    dimension : DataFrame
        dimension.csv, whose neighbour_radius_km was measured at the distinct points of each embedding.
    points : str or None
        The point set.

    Returns
    -------
    str
        The median over variants; "" where no estimator has a k.
    """
    rows = dimension[(dimension["space"] == "embedding") & (dimension["points"] == points)]
    rows = rows[rows["neighbour_radius_km"].notna()]
    words = []
    for k, part in rows.groupby("k", sort=True):
        names = ", ".join(dict.fromkeys(part["estimator"]))
        words.append(f"{kilometres(part['neighbour_radius_km'].median())} ({names}, k = {k:.0f})")
    return ", ".join(words)


def activation_radius(dimension: pd.DataFrame, split: str | None, head: str | None) -> str:
    """How far the neighbours reach among the test points of a fold, in words; "" where nothing was measured."""
    rows = dimension[(dimension["space"] == "activation") & (dimension["split"] == split)]
    reach = rows.loc[rows["head"] == head, "neighbour_radius_km"].dropna()
    return kilometres(reach.median()) if len(reach) else ""


def map_radius(maps: Sequence[xr.Dataset]) -> str:
    """The median radius of maps, from the least to the greatest, in words."""
    found = [float(np.median(one["neighbour_radius_km"])) for one in maps]
    ends = list(dict.fromkeys(kilometres(value) for value in (min(found), max(found)))) if found else []
    return " to ".join(ends)


def kilometres(value: float) -> str:
    """A distance in words: whole kilometres, or two digits of a short one."""
    return f"{value:,.0f} km" if value >= 10 else f"{value:.2g} km"
