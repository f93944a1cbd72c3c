"""Intrinsic dimension of trained variants and of their untrained twins."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from earthdim.figures import cells, rows, style
from earthdim.figures.declaration import Figure
from earthdim.omissions import OmittedError

FIGURE = Figure(
    title="Trained variants and untrained twins",
    category="Dimension",
    inputs=("variants", "dimension"),
    needs=("untrained twins",),
    chosen={"cell": "cell"},
    caption="twins.rst",
)

_CONTROLS = ("twin_value", "shuffled_value")


@style.styled()
def draw(
    variants: pd.DataFrame,
    dimension: pd.DataFrame,
    points: str | Sequence[str] | None = None,
    *,
    cell: Sequence[str],
) -> style.PrintedFigure:
    """Draw the change of intrinsic dimension (ID) by training: one row per cell, one panel per estimator and k.

    A filled mark is the trained variant, an open mark its untrained twin: the same architecture, resolution and seed
    before training; a cross is the same recipe trained on shuffled pairs, where there is one. Marks are means over
    seeds, thick lines the range of the trained variants.

    Parameters
    ----------
    variants, dimension : DataFrame
        variants.csv, and dimension.csv with its columns twin_value and shuffled_value.
    points : str, sequence of str or None
        Point sets; see `earthdim.figures.cells.embedding_rows`.
    cell : sequence of str
        Columns of variants.csv that define a cell (config/statistics).

    Raises
    ------
    ValueError
        If no trained variant has a twin.
    """
    measured = cells.embedding_rows(dimension, variants, points)
    measured = measured[(measured["weights"] == "trained") & measured["twin_value"].notna()]
    if measured.empty:
        raise OmittedError("twin_value: no trained variant has an untrained twin")
    symbols = style.symbols(variants)
    by = cells.group_columns(cell)
    shown = cells.order(cells.average(measured, by)).reset_index(drop=True)

    def draw_rows(panel: Axes, part: pd.DataFrame) -> pd.Series:
        averaged = shown[by].merge(cells.average(part, by, ("value", *_CONTROLS)), how="left")
        for y, row in averaged.iterrows():
            colour, marker = symbols[row["family"]]
            panel.plot([row["twin_value"], row["value"]], [y, y], color=colour, linewidth=0.8, alpha=0.6)
            panel.hlines(y, row["least"], row["greatest"], color=colour, linewidth=2.4, alpha=0.45)
            panel.plot(row["value"], y, marker, color=colour, zorder=3)
            panel.plot(row["shuffled_value"], y, "x", color=colour, zorder=3)
            panel.plot(row["twin_value"], y, marker, color=colour, fillstyle="none", markersize=6, zorder=4)
        return averaged[["least", "greatest", *_CONTROLS]].stack()

    colours = [symbols[family][0] for family in shown["family"]]
    figure = rows.dot_panels(measured, _labels(shown), colours, draw_rows)
    handles = [
        style.key("trained", marker="o"),
        style.key("untrained twin", marker="o", fillstyle="none", markersize=6),
    ]
    if measured["shuffled_value"].notna().any():
        handles.append(style.key("shuffled pairs", marker="x"))
    style.legend(figure, handles)
    return figure


def _labels(shown: pd.DataFrame) -> list[str]:
    """Label each row by model and resolution, plus modality, objective and schedule if its model has several."""
    labels = shown["model"].map(style.title) + " " + shown["resolution"].map(style.title)
    for name in ("modality", "objective", "schedule"):
        varies = shown.groupby("model")[name].transform("nunique") > 1
        labels += (" " + shown[name]).where(varies, "")
    return labels.tolist()
