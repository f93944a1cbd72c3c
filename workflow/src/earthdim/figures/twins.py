"""Trained variants beside their untrained twins."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from earthdim.figures import cells, rows, style
from earthdim.figures.declaration import Figure
from earthdim.omissions import OmittedError

FIGURE = Figure(
    title="Trained against untrained twin",
    category="Dimension",
    inputs=("variants", "dimension"),
    needs=("untrained twins",),
    chosen={"cell": "cell"},
    caption="twins.rst",
)


@style.styled()
def draw(
    variants: pd.DataFrame,
    dimension: pd.DataFrame,
    points: str | Sequence[str] | None = None,
    *,
    cell: Sequence[str],
) -> style.PrintedFigure:
    """Draw what training does to the intrinsic dimension (ID): a row a cell, a panel an estimator.

    A filled mark is the trained variant, an open one its untrained twin: the same architecture, resolution
    and seed before any training. Marks are means over seeds, thick lines the trained variants' range.

    Parameters
    ----------
    variants, dimension : DataFrame
        The tables, the second with the column twin_value.
    points : str, sequence of str or None
        The sample of points.
    cell : sequence of str
        The columns of variants.csv that make a cell, as config/statistics names them.

    Raises
    ------
    ValueError
        If no trained variant has a twin.
    """
    measured = cells.embedding_rows(dimension, variants, points)
    measured = measured[(measured["weights"] == "trained") & measured["twin_value"].notna()]
    if measured.empty:
        raise OmittedError("twin_value: no trained variant has an untrained twin")
    looks = style.looks(variants)
    by = cells.drawn_apart(cell)
    shown = cells.order(cells.average(measured, by)).reset_index(drop=True)

    def draw_rows(panel: Axes, part: pd.DataFrame) -> pd.Series:
        averaged = shown[by].merge(cells.average(part, by, ("value", "twin_value")), how="left")
        for y, row in averaged.iterrows():
            colour, marker = looks[row["family"]]
            panel.plot([row["twin_value"], row["value"]], [y, y], color=colour, linewidth=0.8, alpha=0.6)
            panel.hlines(y, row["least"], row["greatest"], color=colour, linewidth=2.4, alpha=0.45)
            panel.plot(row["value"], y, marker, color=colour, zorder=3)
            panel.plot(row["twin_value"], y, marker, color=colour, fillstyle="none", markersize=6, zorder=4)
        return averaged[["least", "greatest", "twin_value"]].stack()

    colours = [looks[family][0] for family in shown["family"]]
    figure = rows.dot_panels(measured, _labels(shown), colours, draw_rows)
    handles = [
        style.key("trained", marker="o"),
        style.key("untrained twin", marker="o", fillstyle="none", markersize=6),
    ]
    style.legend(figure, handles)
    return figure


def _labels(shown: pd.DataFrame) -> list[str]:
    """Name each row by model and resolution, and by modality and schedule where its model has several."""
    labels = shown["model"].map(style.title) + " " + shown["resolution"]
    for name in ("modality", "schedule"):
        varies = shown.groupby("model")[name].transform("nunique") > 1
        labels += (" " + shown[name]).where(varies, "")
    return labels.tolist()
