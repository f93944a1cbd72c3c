"""Loss curves of pre-training."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap

from earthdim.figures import cells, style
from earthdim.figures.declaration import Figure
from earthdim.storage.schema import AXES

FIGURE = Figure(
    title="Loss curves",
    category="Training",
    inputs=("variants", "curves"),
    chosen={"objectives": "objectives"},
    caption="loss.rst",
)


@style.styled()
def draw(
    variants: pd.DataFrame,
    curves: pd.DataFrame,
    batch: int | None = None,
    objectives: Mapping[str, str] | None = None,
) -> style.PrintedFigure:
    """Draw training and validation loss against the step, a panel for each model and modality.

    Parameters
    ----------
    variants : DataFrame
        The table.
    curves : DataFrame
        Columns variant, step, train_loss, val_loss; a loss that was not evaluated at a step is empty.
    batch : int or None
        Pairs in a batch: the loss of a guess, log(batch), is marked.
    objectives : mapping, optional
        Model -> what it minimises; all InfoNCE if left out. Losses of different objectives share no scale.

    Raises
    ------
    ValueError
        If there is no curve.
    """
    if curves.empty:
        raise ValueError("curves: no variant has a loss curve")
    rows = cells.order(cells.describe(curves.merge(variants[["variant", *AXES]]), variants))
    looks = style.looks(variants)
    groups = [
        (model, modality, part)
        for model, of_model in rows.groupby("model", sort=False)
        for modality, part in of_model.groupby("modality", sort=False)
    ]
    named = {model: (objectives or {}).get(model, "InfoNCE") for model, _, _ in groups}
    alike = len(set(named.values())) == 1
    figure, axes, spare = style.panels(len(groups), 3, height=1.9, extra=0.65, sharex=True, sharey=alike)
    for panel, (model, modality, part) in zip(axes, groups, strict=True):
        style.headline(panel, f"{style.title(model)}, {modality}", [] if alike else [f"{named[model]} loss"])
        resolutions = list(dict.fromkeys(part["resolution"]))
        shades = _shades(looks[part["family"].iloc[0]][0], len(resolutions))
        for resolution, shade in zip(resolutions, shades, strict=True):
            _draw_curves(panel, part[part["resolution"] == resolution], shade)
        entries = [style.key(name, shade, line="-") for name, shade in zip(resolutions, shades, strict=True)]
        panel.legend(
            handles=entries, loc="upper right", labelspacing=0.2, handlelength=1.2, borderaxespad=0.1,
            frameon=True, edgecolor="none", framealpha=0.9,
        )  # fmt: skip
        if batch is not None:
            panel.axhline(math.log(batch), color=style.FAINT, linewidth=0.8, linestyle=(0, (1, 2)))
    for panel in axes[-3:]:
        panel.set_xlabel("step")
    words = f"{next(iter(named.values()))} loss" if alike else "loss (each objective has a scale of its own)"
    figure.supylabel(f"{words} (nats)" if words == "InfoNCE loss" else words, fontsize=style.SMALL)
    handles = [
        style.key("validation", line="-"),
        style.key("training", line="-", linewidth=0.6, alpha=0.5),
    ]
    if batch is not None:
        handles.append(style.key(f"chance, log {batch}", style.FAINT, line=(0, (1, 2))))
    style.legend(figure, handles, spare)
    return figure


def _shades(colour: str, count: int) -> list[tuple]:
    """Shades of a colour from light to dark."""
    ramp = LinearSegmentedColormap.from_list("shades", ["white", colour, "black"])
    return [ramp(place) for place in np.linspace(0.28, 0.75, count)] if count > 1 else [ramp(0.5)]


def _draw_curves(panel, part: pd.DataFrame, shade: tuple) -> None:
    for _, curve in part.groupby("variant", sort=False):
        training = curve[curve["train_loss"].notna()]
        panel.plot(training["step"], training["train_loss"], color=shade, linewidth=0.6, alpha=0.5)
        validation = curve[curve["val_loss"].notna()]
        panel.plot(validation["step"], validation["val_loss"], color=shade)
