"""Comparison of measured intrinsic dimensions with Table 1 of the paper."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from earthdim.figures import rows, style
from earthdim.figures.declaration import Figure

FIGURE = Figure(
    title="Comparison with the paper's Table 1",
    category="Dimension",
    inputs=("table1",),
    caption="table1.rst",
)

_IMAGE = "#6E6E6E"
"""Colour of the labels of image encoders and of published values."""


@style.styled()
def draw(table1: pd.DataFrame) -> style.PrintedFigure:
    """Draw published and measured intrinsic dimensions (ID): one row per encoder, one panel per estimator.

    An open diamond is a published value, a filled mark the mean over independent replicates of the sample, a thick
    line its interval. The number next to it is the difference of the mean from the published value in per cent.

    Parameters
    ----------
    table1 : DataFrame
        table1.csv. Rows without a published value (other k, other estimators) are not drawn. If an encoder was not
        measured, only its published value is drawn.

    Raises
    ------
    ValueError
        If no row has a published value.
    """
    shown = table1[table1["published"].notna()]
    if shown.empty:
        raise ValueError("table1: no row has a published value")
    encoders = shown.drop_duplicates("name").reset_index(drop=True)
    colours = [_IMAGE if kind == "image" else style.INK for kind in encoders["kind"]]
    row_of = {name: y for y, name in enumerate(encoders["name"])}

    def draw_rows(panel: Axes, part: pd.DataFrame) -> pd.Series:
        part = part.assign(y=part["name"].map(row_of))
        panel.plot(
            part["published"], part["y"], "D", color=_IMAGE, fillstyle="none", markersize=5.5, zorder=3
        )
        bounds = part[["published", "value", "low", "high"]].stack()
        for row in part[part["value"].notna()].itertuples():
            panel.hlines(row.y, row.low, row.high, color=style.COLOURS[0], linewidth=2.4, alpha=0.45)
            panel.plot(row.value, row.y, "o", color=style.COLOURS[0], markersize=3.5, zorder=4)
            _write_difference(panel, row, np.sqrt(bounds.min() * bounds.max()))
        return bounds

    figure = rows.dot_panels(shown, encoders["name"].tolist(), colours, draw_rows)
    handles = [style.key("published (Table 1)", _IMAGE, "D", fillstyle="none", markersize=5.5)]
    if shown["value"].notna().any():
        handles.append(style.key("measured, with difference in %", style.COLOURS[0], "o", markersize=3.5))
    style.legend(figure, handles)
    return figure


def _write_difference(panel: Axes, row, middle: float) -> None:
    """Write the difference in per cent next to the marks, on the side away from the panel's nearer edge."""
    left = row.value > middle
    ends = [row.value, row.published, row.low, row.high]
    difference = 100 * (row.value / row.published - 1)
    panel.annotate(
        f"{difference:+.1f} %".replace("-", "−"), (np.nanmin(ends) if left else np.nanmax(ends), row.y),
        (-6 if left else 6, 0), textcoords="offset points", va="center_baseline", ha="right" if left else "left",
        color=style.COLOURS[0],
    )  # fmt: skip
