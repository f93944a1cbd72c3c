"""Dot plots whose rows are named on the left and whose panels are estimators: shared by two figures."""

import math
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes

from earthdim.figures import style

ROW = 0.17
"""Height of a row in inches: one line of the smallest type with room to breathe."""


def dot_panels(
    count: int, labels: Sequence[str], colours: Sequence[str], row: float = ROW
) -> tuple[style.PrintedFigure, list[Axes]]:
    """Lay out panels side by side that share their named rows, the first row on top.

    Parameters
    ----------
    count : int
        Number of panels.
    labels, colours : sequence of str
        Text of each row and its colour.
    row : float
        Height of a row in inches.

    Returns
    -------
    figure : PrintedFigure
    axes : list of Axes
        Row i lies at y = i.
    """
    columns = min(count, 5) if count < 6 else math.ceil(count / 2)
    figure, axes, _ = style.panels(count, columns, height=row * len(labels) + 0.6, extra=0.75)
    for panel in axes:
        panel.set_ylim(len(labels) - 0.4, -0.6)
        panel.set_yticks(range(len(labels)), labels if panel.get_subplotspec().is_first_col() else [])
        panel.tick_params(axis="y", length=0)
        panel.spines["left"].set_visible(False)
        for text, colour in zip(panel.get_yticklabels(), colours, strict=False):
            text.set_color(colour)
    figure.supxlabel("intrinsic dimension", fontsize=style.SMALL)
    return figure, axes


def head_panel(panel: Axes, estimator: str, k: float, values: Sequence[float]) -> None:
    """Write an estimator over its panel and scale its axis to the values shown."""
    panel.set_title("\n".join(textwrap.wrap(style.measure_title(estimator, k), 14)))
    if style.dimension_axis(panel, "x", values):
        panel.set_xlabel("(log scale)", labelpad=1)
