"""Dot plots with labelled rows and one panel per estimator; shared by several figures."""

import math
import textwrap
from collections.abc import Callable, Sequence

import pandas as pd
from matplotlib.axes import Axes

from earthdim.figures import cells, style

ROW = 0.17
"""Height of a row in inches: one line of the smallest type plus spacing."""


def dot_panels(
    measured: pd.DataFrame,
    labels: Sequence[str],
    colours: Sequence[str],
    draw_rows: Callable[[Axes, pd.DataFrame], pd.Series],
    row: float = ROW,
) -> style.PrintedFigure:
    """Draw one panel per estimator and k, side by side, with common labelled rows, the first on top.

    Parameters
    ----------
    measured : DataFrame
        Rows with the columns estimator and k.
    labels, colours : sequence of str
        Label of each row and its colour.
    draw_rows : callable
        Called with a panel, in which row i is at y = i, and the estimator's part of `measured`. Draws them and
        returns all values shown.
    row : float
        Height of a row in inches.
    """
    found = cells.measures(measured)
    columns = min(len(found), 5) if len(found) < 6 else math.ceil(len(found) / 2)
    figure, axes, _ = style.panels(len(found), columns, height=row * len(labels) + 0.6, extra=0.75)
    for panel, (estimator, k, part) in zip(axes, found, strict=True):
        panel.set_ylim(len(labels) - 0.4, -0.6)
        panel.set_yticks(range(len(labels)), labels if panel.get_subplotspec().is_first_col() else [])
        panel.tick_params(axis="y", length=0)
        panel.spines["left"].set_visible(False)
        for text, colour in zip(panel.get_yticklabels(), colours, strict=False):
            text.set_color(colour)
        panel.set_title("\n".join(textwrap.wrap(style.measure_title(estimator, k), 14)))
        if style.dimension_axis(panel, "x", draw_rows(panel, part)):
            panel.set_xlabel("(log scale)", labelpad=1)
    figure.supxlabel("intrinsic dimension", fontsize=style.SMALL)
    return figure
