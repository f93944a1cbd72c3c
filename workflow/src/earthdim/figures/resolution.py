"""Intrinsic dimension against spatial resolution."""

import itertools
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from earthdim.analysis.published import published as published_values
from earthdim.figures import cells, marks, style
from earthdim.figures.declaration import Figure
from earthdim.omissions import OmittedError
from earthdim.storage.schema import TRAINED

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

_DASHES = {"untrained": (0, (3, 2)), "shuffled": (0, (1, 1)), "raw": (0, (5, 1, 1, 1))}
"""Kind of weights that is a control -> the dashes of its line."""

_OPACITY = {"untrained": 0.6, "raw": 0.6}
"""Opacity of the controls that belong to all objectives, where several kinds of control are shown."""

_OTHERS = {"linewidth": 0.6, "alpha": 0.7}
"""Lines of the other families in the panel of one family."""


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

    With several objectives, or several families and other controls than untrained twins, each family has a column of
    panels, and each estimator a row per objective, with one axis of ID (a single family has a column per objective).
    Twins and raw encodings have no objective and are repeated for each.

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
    averaged = cells.average(rows, by)
    sweeps = cells.sweep(averaged)
    if not sweeps:
        raise OmittedError("resolution: no trained variant has a shortest wavelength")
    measured = [(estimator, k, cells.average(part, by)) for estimator, k, part in found]
    objectives = _objectives(averaged)
    families = list(dict.fromkeys(sweep["family"].iloc[0] for sweep in sweeps))
    many = len(objectives) > 1 or bool({"shuffled", "raw"} & set(rows["weights"]))
    if len(objectives) > 1 or (many and len(families) > 1):
        figure, spare, shown = _grid(measured, published, symbols, objectives, families)
        handles = _grid_keys(averaged, families, symbols)
    else:
        figure, spare, shown = _row(measured, published, symbols, sweeps, many)
        handles = _family_keys(symbols, rows)
    style.legend(figure, [*handles, *_keys(symbols, rows, shown, many)], spare)
    return figure


def _row(
    measured: Sequence[tuple[str, float, pd.DataFrame]],
    published: pd.DataFrame,
    symbols: dict,
    sweeps: Sequence[pd.DataFrame],
    many: bool,
) -> tuple[style.PrintedFigure, list[Axes], bool]:
    """One panel per estimator. Returns the figure, its spare axes, and whether published values are shown."""
    columns = 3
    figure, axes, spare = style.panels(len(measured), columns, height=2.0, extra=0.5 + 0.14 * len(sweeps))
    shown = False
    for panel, (estimator, k, averaged) in zip(axes, measured, strict=True):
        printed = _published_marks(published, averaged, estimator, k)
        shown |= not printed.empty
        _draw_panel(panel, averaged, printed, symbols, many)
        values = [*averaged["least"], *averaged["greatest"], *printed["value"]]
        panel.set_title(style.measure_title(estimator, k, style.dimension_axis(panel, "y", values)))
    _wavelength_axis(axes, pd.concat([averaged["shortest_wavelength_km"] for *_, averaged in measured]))
    for number, panel in enumerate(axes[-columns:]):
        _name_resolutions(panel, sweeps, symbols, with_name=number == 0)
    for panel in axes:
        if panel.get_subplotspec().is_first_col():
            panel.set_ylabel("intrinsic dimension")
    return figure, spare, shown


def _grid(
    measured: Sequence[tuple[str, float, pd.DataFrame]],
    published: pd.DataFrame,
    symbols: dict,
    objectives: Sequence[str],
    families: Sequence[str],
) -> tuple[style.PrintedFigure, list[Axes], bool]:
    """One column per family, one row per estimator and objective; a single family has a column per objective.

    Returns the same as `_row`.
    """
    columns, height = (len(families), 1.08) if len(families) > 1 else (len(objectives), 1.6)
    count = len(measured) * len(objectives) * len(families)
    figure, axes, spare = style.panels(count, columns, height, extra=1.2, sharex=True)
    figure.get_layout_engine().set(h_pad=0.03, w_pad=0.02)
    places = iter(axes)
    shown, wavelengths = False, []
    for estimator, k, averaged in measured:
        block, values = [], [*averaged["least"], *averaged["greatest"]]
        for objective in objectives:
            part = averaged[~averaged["weights"].isin(TRAINED) | (averaged["objective"] == objective)]
            printed = _published_marks(published, part, estimator, k)
            shown |= not printed.empty
            values += [*printed["value"]]
            row = [next(places) for _ in families]
            block.append((objective, row))
            for panel, family in zip(row, families, strict=True):
                wavelengths.append(_draw_family(panel, part, printed, symbols, (family, families)))
        for objective, row in block:
            log = all([style.dimension_axis(panel, "y", values) for panel in row])
            _name_row(row, style.measure_title(estimator, k, log), objective if len(objectives) > 1 else None)
    _wavelength_axis(axes, pd.concat(wavelengths), ticks=2 if columns > 2 else None)
    _name_families(axes, families, columns, measured[0][2], symbols)
    figure.supxlabel("shortest wavelength (km)", fontsize=style.SMALL)
    figure.supylabel("intrinsic dimension", fontsize=style.SMALL)
    return figure, spare, shown


def _objectives(averaged: pd.DataFrame) -> list[str]:
    """Objectives of the trained variants that have a wavelength, in order of appearance; "" is that of the model."""
    trained = averaged[(averaged["weights"] == "trained") & averaged["shortest_wavelength_km"].notna()]
    return list(dict.fromkeys(trained["objective"]))


def _draw_family(
    panel: Axes,
    averaged: pd.DataFrame,
    printed: pd.DataFrame,
    symbols: dict,
    column: tuple[str, Sequence[str]],
) -> pd.Series:
    """Draw one family over faint lines of the trained variants of the others; returns the wavelengths shown.

    Families that have no column, such as that of a released encoder alone, are drawn in all panels. Of these, a raw
    encoding, such as the bare coordinates, is a level to compare with: a horizontal line. `column` is the family and
    all families that have columns.
    """
    family, families = column
    sweeps = cells.sweep(averaged)
    for sweep in sweeps:
        if sweep["family"].iloc[0] != family:
            panel.plot(sweep["shortest_wavelength_km"], sweep["value"], color=style.FAINT, **_OTHERS)
    lone = _levels(averaged, families)
    for row in lone.itertuples():
        panel.axhline(row.value, color=symbols[row.family][0], linewidth=0.7)
    own, marked = (
        rows[(rows["family"] == family) | ~rows["family"].isin(families)] for rows in (averaged, printed)
    )
    own = own.drop(index=lone.index)
    _draw_panel(panel, own, marked, symbols, many=True)
    return own["shortest_wavelength_km"]


def _levels(averaged: pd.DataFrame, families: Sequence[str]) -> pd.DataFrame:
    """The raw encodings of families without a column."""
    return averaged[(averaged["weights"] == "raw") & ~averaged["family"].isin(families)]


def _draw_panel(
    panel: Axes, averaged: pd.DataFrame, printed: pd.DataFrame, symbols: dict, many: bool
) -> None:
    """Draw cells and published values; with `many` kinds of controls they have marks and ranges, some faint."""
    sweeps = cells.sweep(averaged)
    for trained in sweeps:
        colour, marker = symbols[trained["family"].iloc[0]]
        x = trained["shortest_wavelength_km"]
        size = {"markersize": 3.5} if many else {}
        panel.plot(x, trained["value"], color=colour, marker=marker, zorder=3, **size)
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
        line = cells.order(rows)
        colour, marker = symbols[line["family"].iloc[0]]
        look = _look(weights, marker, many)
        panel.plot(line["shortest_wavelength_km"], line["value"], color=colour, **look)
        if many:
            panel.vlines(
                line["shortest_wavelength_km"], line["least"], line["greatest"], color=colour, linewidth=0.9,
                alpha=look["alpha"], zorder=2,
            )  # fmt: skip
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
    for row in printed.itertuples():
        panel.plot(row.shortest_wavelength_km, row.value, "D", color=symbols[row.family][0], markersize=6.5,
                   markerfacecolor="none", markeredgewidth=1.1, zorder=5)  # fmt: skip


def _look(weights: str, marker: object, many: bool) -> dict:
    """Properties of the line of a control."""
    look = {"linestyle": _DASHES[weights], "linewidth": 0.9}
    if many:
        own = {"marker": marks.CONTROLS[weights][1] or marker, "fillstyle": "none", "markersize": 3.0}
        look |= {**own, "markeredgewidth": 0.7, "alpha": _OPACITY.get(weights, 1.0)}
    return look


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


def _wavelength_axis(axes: Sequence[Axes], wavelengths: pd.Series, ticks: int | None = None) -> None:
    """A logarithmic axis, finer to the right, with about so many ticks where `ticks` is given."""
    low, high = wavelengths.min() / 1.5, wavelengths.max() * 1.5
    for panel in axes:
        panel.set_xscale("log")
        panel.set_xlim(high, low)
        style.plain_log_ticks(panel.xaxis, low, high, (1,) if high > 30 * low else (1, 2, 5))
        panel.xaxis.get_major_locator().set_params(nbins=ticks)


def _name_row(row: Sequence[Axes], measure: str, objective: str | None) -> None:
    """Name the estimator, and the objective unless None, above a row of panels with one axis of ID."""
    words = [measure] if objective is None else [measure, style.title(objective) or "objective of the model"]
    row[0].annotate(
        ", ".join(words), (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", va="bottom",
        in_layout=False, annotation_clip=False,
    )  # fmt: skip
    for number, panel in enumerate(row):
        # The words may exceed their panel, so a blank title reserves their height.
        panel.set_title(" ")
        panel.tick_params(labelleft=number == 0)


def _name_families(
    axes: Sequence[Axes], families: Sequence[str], columns: int, cells_shown: pd.DataFrame, symbols: dict
) -> None:
    """Name each family above its column, and its levels, from coarse to fine, below."""
    for panel, family in zip(axes, families, strict=False):
        panel.annotate(
            style.title(family), (0, 1), (0, 18), color=symbols[family][0], fontweight="bold", va="bottom",
            xycoords="axes fraction", textcoords="offset points",
        )  # fmt: skip
    for panel, family in zip(axes[-columns:], itertools.cycle(families), strict=False):
        lines = []
        for sweep in cells.sweep(cells_shown[cells_shown["family"] == family]):
            tokens = sweep["resolution"].tolist()
            prefix = _common_prefix(tokens)
            levels = ", ".join(style.title(token.removeprefix(prefix)) for token in tokens)
            lines.append(f"{prefix}\n{levels}")
        panel.set_xlabel("\n".join(lines), color=symbols[family][0])


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


def _family_keys(symbols: dict, rows: pd.DataFrame) -> list:
    families = set(rows["family"])
    return [
        style.key(style.title(family), *symbol, "-")
        for family, symbol in symbols.items()
        if family in families
    ]


def _grid_keys(averaged: pd.DataFrame, families: Sequence[str], symbols: dict) -> list:
    """Keys of a grid, whose columns name the families."""
    found = [style.key("trained, mean over seeds", marker="o", line="-", markersize=3.5)]
    if len(families) > 1:
        found.append(style.key("trained, other families", style.FAINT, line="-", **_OTHERS))
    for family in dict.fromkeys(_levels(averaged, families)["family"]):
        found.append(
            style.key(f"{style.title(family)}, raw encoding", symbols[family][0], line="-", linewidth=0.7)
        )
    lone = _levels(averaged, families).index
    return found + _family_keys(
        symbols, averaged.drop(index=lone)[lambda rows: ~rows["family"].isin(families)]
    )


def _keys(symbols: dict, rows: pd.DataFrame, published: bool, many: bool) -> list:
    """Keys of the controls, the external encoders and the published values."""
    handles = []
    for weights in _DASHES:
        if (rows["weights"] == weights).any():
            look = _look(weights, "o", many)
            handles.append(style.key(marks.CONTROLS[weights][0], line=look.pop("linestyle"), **look))
    if (rows["encoder"] != "").any():
        handles += style.external_keys(rows, symbols, _EXTERNAL_SIZE)
    if published:
        handles.append(style.key("published", marker="D", fillstyle="none", markersize=6.5))
    return handles
