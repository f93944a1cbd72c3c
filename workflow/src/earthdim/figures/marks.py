"""How a cell is marked where performance is shown: shared by the figures of performance."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from earthdim.figures import style

FLOOR = -0.5
"""Performance below this is drawn at this height as an arrow head: how far below chance does not matter."""

FROZEN_SIZE = 8.5

_LEAKED_FILL = {"no": "full", "in part": "left", "yes": "none"}


def draw_mark(
    panel: Axes, x: float, y: float, cell, looks: Mapping[str, tuple[str, object]], outside: str = ""
) -> None:
    """Mark a cell.

    Parameters
    ----------
    panel : Axes
        Where.
    x, y : float
        Its place, inside the panel.
    cell : named tuple
        With the fields family, weights, encoder and leaked ("no", "in part" or "yes").
    looks : mapping
        As `earthdim.figures.style.looks` gives it.
    outside : str
        Arrow head that stands for a value outside the panel ("v" or "<"), if it is outside.
    """
    colour, marker = looks[cell.encoder or cell.family]
    size = FROZEN_SIZE if cell.encoder else 5.0
    if cell.weights == "untrained":
        colour, size = style.FAINT, 3.0
    panel.plot(
        x, y, marker=outside or marker, color=colour, markersize=size, fillstyle=_LEAKED_FILL[cell.leaked],
        markerfacecoloralt="white", zorder=2 if cell.weights == "untrained" else 3,
    )  # fmt: skip


def handles(looks: Mapping[str, tuple[str, object]], cells: pd.DataFrame, outside: bool) -> list[Line2D]:
    """Legend entries of what is shown.

    Parameters
    ----------
    looks : mapping
        As `earthdim.figures.style.looks` gives it.
    cells : DataFrame
        The cells shown, with the columns family, weights, encoder and leaked.
    outside : bool
        Whether a value lies outside a panel.
    """
    shown = [(family, look) for family, look in looks.items() if family in set(cells["family"])]
    found = [style.key(style.title(family), *look) for family, look in shown]
    weights, leaked = set(cells["weights"]), set(cells["leaked"])
    if (cells["encoder"] != "").any():
        found += style.frozen_keys(cells, looks, FROZEN_SIZE)
    if "untrained" in weights:
        found.append(style.key("untrained twin", style.FAINT, "o", markersize=3.0))
    if "yes" in leaked:
        found.append(style.key("leaked (not counted)", marker="o", fillstyle="none"))
    if "in part" in leaked:
        found.append(style.key("leaked in part", marker="o", fillstyle="left", markerfacecoloralt="white"))
    if outside:
        found.append(style.key(f"beyond {FLOOR:g}".replace("-", "−"), marker="v"))
    return found
