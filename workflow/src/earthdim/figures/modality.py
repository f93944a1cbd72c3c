"""Intrinsic dimension against the modalities that locations are paired with in pretraining."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from earthdim.figures import cells, rows, style
from earthdim.figures.declaration import Figure
from earthdim.omissions import OmittedError

FIGURE = Figure(
    title="ID against modality",
    category="Dimension",
    inputs=("variants", "dimension"),
    needs=("trained variants",),
    caption="modality.rst",
)

_UNTRAINED = "untrained twin"


@style.styled()
def draw(
    variants: pd.DataFrame, dimension: pd.DataFrame, points: str | Sequence[str] | None = None
) -> style.PrintedFigure:
    """Draw the intrinsic dimension (ID) of embeddings: one row per modality, one panel per estimator and k.

    Each model, resolution and objective trained on at least two modalities is a series; if there is none, all are
    shown. The last row is the untrained twin, which has no modality. Marks are means over seeds, thick lines their
    range.

    Parameters
    ----------
    variants, dimension : DataFrame
        variants.csv and dimension.csv. Modalities are shown in the order of the variants.
    points : str, sequence of str or None
        Point sets; see `earthdim.figures.cells.embedding_rows`.

    Raises
    ------
    ValueError
        If no trained variant has a modality.
    """
    measured = cells.embedding_rows(dimension, variants, points)
    measured = measured[(measured["weights"] == "untrained") | (measured["modality"] != "")]
    measured = measured.assign(label=measured["modality"].where(measured["weights"] == "trained", _UNTRAINED))
    measured = measured[measured["weights"].isin(("trained", "untrained"))]
    series = _series(measured[measured["weights"] == "trained"])
    measured = measured.merge(series[["model", "resolution"]].drop_duplicates())
    in_order = [name for name in variants["modality"].dropna().unique() if name in set(measured["label"])]
    labels = [*in_order, *([_UNTRAINED] if _UNTRAINED in set(measured["label"]) else [])]
    symbols = style.symbols(variants)

    def draw_rows(panel: Axes, part: pd.DataFrame) -> pd.Series:
        shown = cells.average(part, by=["model", "resolution", "objective", "label"])
        for index, member in enumerate(series.itertuples()):
            mine = shown[(shown["model"] == member.model) & (shown["resolution"] == member.resolution)]
            mine = mine[(mine["objective"] == member.objective) | (mine["label"] == _UNTRAINED)]
            shift = 0.5 * ((index + 0.5) / len(series) - 0.5)
            places = mine["label"].map(labels.index) + shift
            _draw_series(panel, mine.assign(y=places).sort_values("y"), *symbols[member.family], member.line)
        return shown[["least", "greatest"]].stack()

    height = max(rows.ROW, 0.09 * len(series))
    figure = rows.dot_panels(measured, labels, [style.INK] * len(labels), draw_rows, height)
    names = [
        " ".join(map(style.title, filter(None, (member.model, member.resolution, member.objective))))
        for member in series.itertuples()
    ]
    style.legend(figure, [
        style.key(name, *symbols[member.family], member.line)
        for name, member in zip(names, series.itertuples(), strict=True)
    ])  # fmt: skip
    return figure


def _series(trained: pd.DataFrame) -> pd.DataFrame:
    """List the models, resolutions and objectives to show, with line styles that differ within a family."""
    if trained.empty:
        raise OmittedError("modality: no trained variant has a modality")
    counts = cells.order(
        trained.groupby(["family", "model", "resolution", "objective"], sort=False)
        .agg(modalities=("modality", "nunique"), shortest_wavelength_km=("shortest_wavelength_km", "mean"))
        .reset_index()
    )
    several = counts[counts["modalities"] > 1]
    series = several if len(several) else counts
    rank = series.groupby("family").cumcount()
    return series.assign(line=[style.LINES[number % len(style.LINES)] for number in rank])


def _draw_series(panel: Axes, points: pd.DataFrame, colour: str, marker: str, line: object) -> None:
    trained = points[points["label"] != _UNTRAINED]
    panel.plot(trained["value"], trained["y"], color=colour, linestyle=line, linewidth=0.8, alpha=0.7)
    panel.hlines(points["y"], points["least"], points["greatest"], color=colour, linewidth=2.4, alpha=0.45)
    filled = np.where(points["label"] == _UNTRAINED, "white", colour)
    for x, y, face in zip(points["value"], points["y"], filled, strict=True):
        panel.plot(x, y, marker, color=colour, markerfacecolor=face, zorder=3)
