"""Marks of cells, and their legend entries, in the figures of performance."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from earthdim.figures import style

FLOOR = -0.5
"""Performance below this value is drawn at this value as an arrowhead: how far below chance does not matter."""

EXTERNAL_SIZE = 8.5
"""Marker size of external encoders, points."""

CONTROLS = {
    "untrained": ("untrained twin", ""), "shuffled": ("shuffled pairs", "x"), "raw": ("raw encoding", "+"),
}  # fmt: skip
"""Kind of weights that is a control -> its words, and its marker unless that of the family. Small and without bars."""

_LEAKED_FILL = {"no": "full", "in part": "left", "yes": "none"}


def draw_mark(
    panel: Axes, x: float, y: float, cell, symbols: Mapping[str, tuple[str, object]], outside: str = ""
) -> None:
    """Draw the mark of one cell.

    Parameters
    ----------
    panel : Axes
        Panel to draw in.
    x, y : float
        Position in data coordinates, inside the panel.
    cell : named tuple
        Fields family, weights, encoder and leaked ("no", "in part" or "yes").
    symbols : mapping
        Return value of `earthdim.figures.style.symbols`.
    outside : str
        Marker of a value outside the panel ("v" or "<"); "" if it is inside.
    """
    colour, marker = symbols[cell.encoder or cell.family]
    size = EXTERNAL_SIZE if cell.encoder else 5.0
    if cell.weights in CONTROLS:
        colour, size, marker = style.FAINT, 3.0, CONTROLS[cell.weights][1] or marker
    panel.plot(
        x, y, marker=outside or marker, color=colour, markersize=size, fillstyle=_LEAKED_FILL[cell.leaked],
        markerfacecoloralt="white", zorder=2 if cell.weights in CONTROLS else 3,
    )  # fmt: skip


def handles(symbols: Mapping[str, tuple[str, object]], cells: pd.DataFrame, outside: bool) -> list[Line2D]:
    """Legend entries of the marks shown.

    Parameters
    ----------
    symbols : mapping
        Return value of `earthdim.figures.style.symbols`.
    cells : DataFrame
        Cells shown, with the columns family, weights, encoder and leaked.
    outside : bool
        Whether a value lies outside a panel.
    """
    shown = [(family, symbol) for family, symbol in symbols.items() if family in set(cells["family"])]
    found = [style.key(style.title(family), *symbol) for family, symbol in shown]
    weights, leaked = set(cells["weights"]), set(cells["leaked"])
    if (cells["encoder"] != "").any():
        found += style.external_keys(cells, symbols, EXTERNAL_SIZE)
    for kind, (words, marker) in CONTROLS.items():
        if kind in weights:
            found.append(style.key(words, style.FAINT, marker or "o", markersize=3.0))
    if "yes" in leaked:
        found.append(style.key("leaked (not counted)", marker="o", fillstyle="none"))
    if "in part" in leaked:
        found.append(style.key("leaked in part", marker="o", fillstyle="left", markerfacecoloralt="white"))
    if outside:
        found.append(style.key(f"beyond {FLOOR:g}".replace("-", "−"), marker="v"))
    return found
