"""Intrinsic dimension against spatial resolution."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from earthdim.analysis.published import published as published_values
from earthdim.figures import cells, style
from earthdim.figures.declaration import Figure
from earthdim.omissions import OmittedError

FIGURE = Figure(
    title="ID against resolution",
    category="Dimension",
    inputs=("variants", "dimension"),
    needs=("trained variants",),
    chosen={"cell": "cell"},
    caption="resolution.rst",
)

_EXTERNAL_SIZE = 9.0
"""Marker size of external encoders, points."""

_LINES = {
    "untrained": ("untrained twin", (0, (3, 2))), "shuffled": ("shuffled pairs", (0, (1, 1))),
    "raw": ("raw encoding", (0, (5, 1, 1, 1))),
}  # fmt: skip
"""Kind of weights that is a control -> its words and its dashes."""


@style.styled()
def draw(
    variants: pd.DataFrame,
    dimension: pd.DataFrame,
    published: pd.DataFrame | None = None,
    points: str | Sequence[str] | None = None,
    *,
    cell: Sequence[str],
) -> style.PrintedFigure:
    """Draw the intrinsic dimension (ID) of embeddings against the encoder's shortest wavelength.

    One panel per estimator and k. The trained variants of a family form a solid line, their controls (untrained twins,
    shuffled pairs, raw encodings) dashed lines. External encoders are stars and published values open diamonds, both at
    the wavelength of the encoder.

    Parameters
    ----------
    variants, dimension : DataFrame
        variants.csv and dimension.csv.
    published : DataFrame or None
        Published values to mark, with the columns of `earthdim.analysis.published.published`, the default. Rows
        without a counterpart among the variants are ignored.
    points : str, sequence of str or None
        Point sets; see `earthdim.figures.cells.embedding_rows`.
    cell : sequence of str
        Columns of variants.csv that define a cell (config/statistics).

    Raises
    ------
    ValueError
        If no trained variant has a shortest wavelength.
    """
    published = published_values() if published is None else published
    rows = cells.embedding_rows(dimension, variants, points)
    found, by = cells.measures(rows), cells.group_columns(cell)
    symbols = style.symbols(variants)
    sweeps = cells.sweep(cells.average(rows, by))
    if not sweeps:
        raise OmittedError("resolution: no trained variant has a shortest wavelength")
    columns = 3
    figure, axes, spare = style.panels(len(found), columns, height=2.0, extra=0.5 + 0.14 * len(sweeps))
    shown_published = False
    for panel, (estimator, k, measured) in zip(axes, found, strict=True):
        averaged = cells.average(measured, by)
        marks = _published_marks(published, averaged, estimator, k)
        shown_published |= not marks.empty
        _draw_panel(panel, averaged, marks, symbols)
        values = [*averaged["least"], *averaged["greatest"], *marks["value"]]
        panel.set_title(style.measure_title(estimator, k, style.dimension_axis(panel, "y", values)))
    _wavelength_axis(axes, rows["shortest_wavelength_km"])
    for number, panel in enumerate(axes[-columns:]):
        _name_resolutions(panel, sweeps, symbols, with_name=number == 0)
    for panel in axes:
        if panel.get_subplotspec().is_first_col():
            panel.set_ylabel("intrinsic dimension")
    style.legend(figure, _handles(symbols, rows, shown_published), spare)
    return figure


def _draw_panel(panel: Axes, averaged: pd.DataFrame, marks: pd.DataFrame, symbols: dict) -> None:
    sweeps = cells.sweep(averaged)
    for trained in sweeps:
        colour, marker = symbols[trained["family"].iloc[0]]
        x = trained["shortest_wavelength_km"]
        panel.plot(x, trained["value"], color=colour, marker=marker, zorder=3)
        panel.vlines(
            x, trained["least"], trained["greatest"], color=colour, linewidth=2.4, alpha=0.45, zorder=2
        )
    # Shuffled variants of the recipes shown; twins and raw encodings belong to all recipes.
    recipes = pd.concat([averaged.iloc[:0], *sweeps])[
        ["model", "modality", "objective", "schedule"]
    ].drop_duplicates()
    shuffled = averaged[averaged["weights"] == "shuffled"].merge(recipes)
    controls = pd.concat([averaged[averaged["weights"].isin(("untrained", "raw"))], shuffled])
    for (weights, _), rows in controls.groupby(["weights", "model"]):
        line, (_, dashes) = cells.order(rows), _LINES[weights]
        colour, _ = symbols[line["family"].iloc[0]]
        panel.plot(
            line["shortest_wavelength_km"], line["value"], color=colour, linestyle=dashes, linewidth=0.9
        )
    for row in averaged[averaged["encoder"] != ""].itertuples():
        colour, marker = symbols[row.encoder]
        panel.plot(
            row.shortest_wavelength_km,
            row.value,
            marker=marker,
            color=colour,
            markersize=_EXTERNAL_SIZE,
            zorder=4,
        )
    for row in marks.itertuples():
        panel.plot(row.shortest_wavelength_km, row.value, "D", color=symbols[row.family][0], markersize=6.5,
                   markerfacecolor="none", markeredgewidth=1.1, zorder=5)  # fmt: skip


def _published_marks(
    published: pd.DataFrame, averaged: pd.DataFrame, estimator: str, k: float
) -> pd.DataFrame:
    """Published values of the same estimator and k, at the wavelength of their counterpart among the variants.

    The counterpart is the variant with the published weights if it exists, else the trained variant of the same model
    and resolution.
    """
    same_k = pd.to_numeric(published["k"]).fillna(-1) == (-1 if pd.isna(k) else k)
    same = published[(published["estimator"] == estimator) & same_k]
    facts = ["family", "shortest_wavelength_km"]
    trained = averaged[averaged["weights"] == "trained"].drop_duplicates(["model", "resolution"])
    released = averaged[averaged["encoder"] != ""].rename(columns={"encoder": "variant"})
    is_released = same["variant"].isin(released["variant"])
    return pd.concat(
        [
            same[is_released].merge(released[["variant", *facts]]),
            same[~is_released].merge(trained[["model", "resolution", *facts]]),
        ]
    )


def _wavelength_axis(axes: Sequence[Axes], wavelengths: pd.Series) -> None:
    low, high = wavelengths.min() / 1.5, wavelengths.max() * 1.5
    for panel in axes:
        panel.set_xscale("log")
        panel.set_xlim(high, low)
        style.plain_log_ticks(panel.xaxis, low, high, (1,) if high > 30 * low else (1, 2, 5))


def _name_resolutions(panel: Axes, sweeps: Sequence[pd.DataFrame], symbols: dict, with_name: bool) -> None:
    """Write the resolution tokens of each sweep below the panel at their wavelengths, one row per model."""
    offset = 17
    for sweep in sweeps:
        colour, _ = symbols[sweep["family"].iloc[0]]
        tokens = sweep["resolution"].tolist()
        prefix = _common_prefix(tokens)
        levels = [style.title(token.removeprefix(prefix)) for token in tokens]
        for level, wavelength in zip(levels, sweep["shortest_wavelength_km"], strict=True):
            panel.annotate(
                level, (wavelength, 0), (0, -offset), color=colour, ha="center", va="top",
                xycoords=panel.get_xaxis_transform(), textcoords="offset points",
            )  # fmt: skip
        if with_name:
            panel.annotate(prefix, (0, 0), (-4, -offset), color=colour, ha="right", va="top",
                           xycoords="axes fraction", textcoords="offset points")  # fmt: skip
        offset += 10
    panel.set_xlabel("shortest wavelength (km)", labelpad=10 * len(sweeps) + 4)


def _common_prefix(tokens: Sequence[str]) -> str:
    """Common leading letters of the tokens, the name of the resolution parameter (`l` of l10 and l40)."""
    first = tokens[0]
    length = 0
    while (
        length < len(first)
        and first[length].isalpha()
        and all(token.startswith(first[: length + 1]) for token in tokens)
    ):
        length += 1
    return first[:length]


def _handles(symbols: dict, rows: pd.DataFrame, published: bool) -> list:
    families = set(rows["family"])
    handles = [
        style.key(style.title(family), *symbol, "-")
        for family, symbol in symbols.items()
        if family in families
    ]
    for weights, (words, dashes) in _LINES.items():
        if (rows["weights"] == weights).any():
            handles.append(style.key(words, line=dashes, linewidth=0.9))
    if (rows["encoder"] != "").any():
        handles += style.external_keys(rows, symbols, _EXTERNAL_SIZE)
    if published:
        handles.append(style.key("published", marker="D", fillstyle="none", markersize=6.5))
    return handles
