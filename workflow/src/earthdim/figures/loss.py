"""Loss curves of pretraining."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from earthdim.figures import cells, style
from earthdim.figures.declaration import Figure
from earthdim.storage.schema import AXES

FIGURE = Figure(
    title="Loss curves",
    category="Training",
    inputs=("variants", "curves"),
    chosen={"objectives": "objectives", "batch": "batch"},
    caption="loss.rst",
)

_DASHES = (0, (3, 1.5))
LARGE = 12
"""Panels beyond which they are small, so that the figure fits a page."""


@style.styled()
def draw(
    variants: pd.DataFrame,
    curves: pd.DataFrame,
    batch: int | None = None,
    objectives: Mapping[str, str] | None = None,
) -> style.PrintedFigure:
    """Draw the losses of training and validation against the step, one panel per model, modality and objective.

    More than `LARGE` panels are small and in a grid: a row per model, a column per objective and modality.

    Parameters
    ----------
    variants : DataFrame
        variants.csv.
    curves : DataFrame
        Columns variant, step, train_loss, val_loss, region_loss; NaN at steps where a loss was not evaluated, and in
        region_loss without held-out regions.
    batch : int or None
        Pairs per batch. If given, the chance level log(batch) of InfoNCE is marked.
    objectives : mapping, optional
        Variant -> its objective; default InfoNCE. Panels share the loss axis only if all have the same objective.

    Raises
    ------
    ValueError
        If there are no curves.
    """
    if curves.empty:
        raise ValueError("curves: no variant has a loss curve")
    rows = cells.order(cells.describe(curves.merge(variants[["variant", *AXES]]), variants))
    symbols = style.symbols(variants)
    rows = rows.assign(loss=[(objectives or {}).get(name, "InfoNCE") for name in rows["variant"]])
    named = list(dict.fromkeys(rows["loss"]))
    chance = batch if "InfoNCE" in named else None
    groups = _groups(rows)
    if len(groups) > LARGE:
        figure, spare = _grid(rows, symbols, chance)
    else:
        figure, spare = _panels(groups, named, symbols, chance)
    words = f"{named[0]} loss" if len(named) == 1 else "loss (scale differs between objectives)"
    figure.supylabel(f"{words} (nats)" if words == "InfoNCE loss" else words, fontsize=style.SMALL)
    handles = [
        style.key("validation near training locations", line="-"),
        style.key("training", line="-", linewidth=0.6, alpha=0.5),
    ]
    if curves["region_loss"].notna().any():
        handles.insert(1, style.key("validation in regions", line=_DASHES))
    if chance is not None:
        handles.append(style.key(f"chance, log {batch}", style.FAINT, line=(0, (1, 2))))
    style.legend(figure, handles, spare)
    return figure


def _panels(
    groups: Sequence[tuple[str, str, pd.DataFrame]], named: Sequence[str], symbols: Mapping, batch: int | None
) -> tuple[style.PrintedFigure, list[Axes]]:
    """One panel per model, modality and objective, three in a row, with the resolutions named in each."""
    same_objective = len(named) == 1
    figure, axes, spare = style.panels(
        len(groups), 3, height=1.9, extra=0.65, sharex=True, sharey=same_objective
    )
    for panel, (title, objective, part) in zip(axes, groups, strict=True):
        lines = [style.title(objective)] if objective else []
        lines += [] if same_objective else [f"{part['loss'].iloc[0]} loss"]
        style.headline(panel, title, lines)
        entries = [
            style.key(style.title(resolution), shade, line="-")
            for resolution, shade in _draw_group(panel, part, symbols, batch).items()
        ]
        panel.legend(
            handles=entries, loc="upper right", labelspacing=0.2, handlelength=1.2, borderaxespad=0.1,
            frameon=True, edgecolor="none", framealpha=0.9,
        )  # fmt: skip
    for panel in axes[:1] if same_objective else axes:
        low, high = panel.get_ylim()
        # Room for the legend inside the panel.
        panel.set_ylim(low, high + 0.15 * (high - low))
    for panel in axes[-3:]:
        panel.set_xlabel("step")
    return figure, spare


def _grid(rows: pd.DataFrame, symbols: Mapping, batch: int | None) -> tuple[style.PrintedFigure, list[Axes]]:
    """A row of small panels per model, a column per objective and modality; a column shares its loss axis."""
    models = list(dict.fromkeys(rows["model"]))
    known = rows[["objective", "modality"]].drop_duplicates()
    columns = [tuple(row) for _, part in known.groupby("objective", sort=False) for row in part.to_numpy()]
    figure, axes, _ = style.panels(
        len(models) * len(columns), len(columns), height=1.1, extra=1.0, sharex=True, sharey="col"
    )
    # Characters of a title that is no wider than its panel.
    room = 84 // len(columns)
    for panel, (model, (objective, modality)) in zip(axes, product(models, columns), strict=True):
        place = panel.get_subplotspec()
        if place.is_first_row():
            words = [style.title(objective), style.title(modality)]
            panel.set_title(
                "\n".join(line for word in words for line in wrap(word, room, break_long_words=False)),
                fontsize=style.SMALL,
            )
        if place.is_first_col():
            panel.set_ylabel(style.title(model), fontweight="bold")
        if place.is_last_row():
            panel.set_xlabel("step")
        part = rows[
            (rows["model"] == model) & (rows["objective"] == objective) & (rows["modality"] == modality)
        ]
        if len(part):
            _draw_group(panel, part, symbols, batch)
    return figure, []


def _groups(rows: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Title, objective (empty if the model's own) and rows of each panel."""
    return [
        (", ".join(filter(None, (style.title(model), modality))), objective, part)
        for model, of_model in rows.groupby("model", sort=False)
        for (modality, objective), part in of_model.groupby(["modality", "objective"], sort=False)
    ]


def _shades(colour: str, count: int) -> list[tuple]:
    """`count` shades of a colour, from light to dark."""
    ramp = LinearSegmentedColormap.from_list("shades", ["white", colour, "black"])
    return [ramp(place) for place in np.linspace(0.28, 0.75, count)] if count > 1 else [ramp(0.5)]


def _draw_group(
    panel: Axes, part: pd.DataFrame, symbols: Mapping, batch: int | None
) -> dict[str, tuple[float, ...]]:
    """Draw the curves of one model, modality and objective; resolution -> its shade, coarse to fine."""
    resolutions = list(dict.fromkeys(part["resolution"]))
    shades = _shades(symbols[part["family"].iloc[0]][0], len(resolutions))
    for resolution, shade in zip(resolutions, shades, strict=True):
        _draw_curves(panel, part[part["resolution"] == resolution], shade)
    if batch is not None and (part["loss"] == "InfoNCE").all():
        panel.axhline(math.log(batch), color=style.FAINT, linewidth=0.8, linestyle=(0, (1, 2)))
    return dict(zip(resolutions, shades, strict=True))


def _draw_curves(panel, part: pd.DataFrame, shade: tuple) -> None:
    for _, curve in part.groupby("variant", sort=False):
        training = curve[curve["train_loss"].notna()]
        panel.plot(training["step"], training["train_loss"], color=shade, linewidth=0.6, alpha=0.5)
        validation = curve[curve["val_loss"].notna()]
        panel.plot(validation["step"], validation["val_loss"], color=shade)
        regions = curve[curve["region_loss"].notna()]
        panel.plot(regions["step"], regions["region_loss"], color=shade, linestyle=_DASHES)
