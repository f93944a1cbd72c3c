"""Intrinsic dimension against the number of points, the number of neighbours and the support."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from earthdim.figures import cells, style
from earthdim.figures.declaration import Figure
from earthdim.omissions import OmittedError, measured

FIGURE = Figure(
    title="ID against scale",
    category="Dimension",
    inputs=("variants", "scale"),
    optional=("jacobian",),
    caption="scale.rst",
)

COARSE = "#ECECEC"
"""Ground of the part of a panel in which the sample is too coarse for the encoder."""

_JACOBIAN = {
    "jacobian-rank": ("exact local rank", "-"),
    "jacobian-participation-ratio": ("local participation ratio", (0, (1, 1.5))),
}
_BEYOND = "neighbour beyond λ/4"
_AT = "neighbour at λ"
_INCHES_A_LETTER = 0.068


@dataclass(frozen=True)
class _Axis:
    """What a panel has across: its places, and how far on the ground the neighbours reach at each.

    Attributes
    ----------
    label : str
        Words for it.
    log : bool
        Whether places lie on a logarithmic axis.
    by : list of str
        The columns that tell the lines of the panel apart.
    reach : str
        Words for whose neighbours' reach the ticks hold, "" where it is not known.
    place : Series
        Row of the table -> place; rows that the panel does not show are not in it.
    ticks : DataFrame
        Columns place, text and reach_km, ascending by place; reach_km is NaN where it is not known.
    """

    label: str
    log: bool
    by: list[str]
    reach: str
    place: pd.Series
    ticks: pd.DataFrame


@style.styled()
def draw(
    variants: pd.DataFrame, scale: pd.DataFrame, jacobian: pd.DataFrame | None = None, *, sweep: str = "gride"
) -> style.PrintedFigure:
    """Draw the intrinsic dimension (ID) against N, against k and against the support; a row a variant.

    The numbers over a panel are the reach of the neighbours, how far on the ground the k-th one lies, k being that
    of the first estimator that has one (of `sweep` in its own panel). On grey ground the reach is more than a quarter
    of the encoder's shortest wavelength: the sample is too coarse to see the encoder as the smooth map that it is.

    Parameters
    ----------
    variants : DataFrame
        The table.
    scale : DataFrame
        scale.csv: the first N points of one sample for several N, and other supports at their full size.
    jacobian : DataFrame or None
        jacobian.csv, whose exact local dimensions are drawn as lines.
    sweep : str
        The estimator whose values at several k the middle panel shows.

    Raises
    ------
    ValueError
        If nothing was measured at several N, k or supports.
    """
    rows = cells.describe(measured(scale), variants).reset_index(drop=True)
    rows["k"] = pd.to_numeric(rows["k"]).astype("float64")
    names = list(dict.fromkeys(rows["variant"]))
    panels_of = [_axes_of(rows[rows["variant"] == name], sweep) for name in names]
    columns = max(map(len, panels_of), default=0)
    if columns == 0:
        raise OmittedError("scale: nothing was measured at several N, k or supports")
    looks = _looks(rows, sweep)
    figure, places, _ = style.panels(len(names) * columns, columns, height=2.35, extra=0.75)
    lines = _exact(jacobian)
    for number, (name, across) in enumerate(zip(names, panels_of, strict=True)):
        mine = rows[rows["variant"] == name]
        in_row = places[number * columns : (number + 1) * columns]
        for panel, axis in zip(in_row, across, strict=False):
            _draw_panel(panel, mine, axis, looks)
        _finish_row(in_row[: len(across)], across, mine, lines.get(name, {}))
        for empty in in_row[len(across) :]:
            empty.axis("off")
    style.legend(figure, _handles(looks, lines, places), columns=4)
    return figure


def _axes_of(mine: pd.DataFrame, sweep: str) -> list[_Axis]:
    """Axes of the panels of one variant: those along which anything was measured more than once."""
    main = mine.groupby("support", sort=False)["n"].nunique().idxmax()
    of_main, is_sweep = mine["support"] == main, mine["estimator"] == sweep
    at_full = mine["n"] == mine.groupby("support")["n"].transform("max")
    by_n, by_k = mine[of_main & ~is_sweep], mine[of_main & at_full & is_sweep]
    by_support = mine[at_full & ~is_sweep]
    found = []
    if by_n["n"].nunique() > 1:
        found.append(_numbers("number of points N", by_n, "n", _reference(by_n)))
    if by_k["k"].nunique() > 1:
        found.append(_numbers(f"neighbours k ({style.title(sweep)})", by_k, "k", by_k))
    if by_support["support"].nunique() > 1:
        found.append(_supports(by_support, _reference(by_support)))
    return found


def _reference(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the first estimator and k that look for neighbours."""
    reaching = rows[rows["neighbour_radius_km"].notna()]
    first = reaching[["estimator", "k"]].head(1)
    return reaching.merge(first)


def _reach_words(reference: pd.DataFrame) -> str:
    if reference.empty:
        return ""
    k = reference["k"].unique()
    return f"neighbour k = {k[0]:.0f} at (km)" if len(k) == 1 else "neighbour k at (km)"


def _numbers(label: str, rows: pd.DataFrame, column: str, reference: pd.DataFrame) -> _Axis:
    """Give each row its place on a logarithmic axis of numbers."""
    reach = reference.drop_duplicates(column).set_index(column)["neighbour_radius_km"]
    place = pd.Series(np.sort(rows[column].unique()).astype(float))
    texts = [f"{number:,.0f}" for number in place]
    ticks = pd.DataFrame({"place": place, "text": texts, "reach_km": place.map(reach)})
    by = ["estimator"] if column == "k" else ["estimator", "k"]
    return _Axis(label, True, by, _reach_words(reference), rows[column].astype(float), ticks)


def _supports(rows: pd.DataFrame, reference: pd.DataFrame) -> _Axis:
    """Give each support a place, that of the widest reach first."""
    reach = reference.drop_duplicates("support").set_index("support")["neighbour_radius_km"]
    names = pd.Series(rows["support"].unique())
    order = names.map(reach).sort_values(ascending=False, kind="stable")
    names = names[order.index].tolist()
    ticks = pd.DataFrame({"place": np.arange(len(names), dtype=float), "text": map(_support_words, names),
                          "reach_km": order.to_numpy()})  # fmt: skip
    place = rows["support"].map(names.index).astype(float)
    return _Axis("support", False, ["estimator", "k"], _reach_words(reference), place, ticks)


def _support_words(kind: str) -> str:
    """Words for a kind of sample: `region-africa` -> Africa, `patch-200` -> 200 km."""
    sort, _, which = kind.partition("-")
    if sort == "patch" and which.isdigit():
        return f"{int(which):,} km"
    return style.title(which).title() if sort == "region" else style.title(kind)


def _looks(rows: pd.DataFrame, sweep: str) -> dict[tuple[str, float], tuple[str, str, object]]:
    """Give each estimator a colour and a marker and each of its k a line; `sweep` has one look at every k."""
    looks = {}
    estimators = list(dict.fromkeys(rows["estimator"]))
    if len(estimators) > len(style.COLOURS):
        raise ValueError(
            f"scale.estimators: {len(estimators)} cannot be told apart by {len(style.COLOURS)} colours"
        )
    for estimator, colour, marker in zip(estimators, style.COLOURS, style.MARKERS, strict=False):
        numbers = rows.loc[rows["estimator"] == estimator, "k"].drop_duplicates()
        for rank, k in enumerate(numbers):
            line = style.LINES[0 if estimator == sweep else rank % len(style.LINES)]
            looks[estimator, -1.0 if np.isnan(k) else k] = (colour, marker, line)
    return looks


def _exact(jacobian: pd.DataFrame | None) -> dict[str, dict[str, float]]:
    """Return variant -> estimator -> value, of the exact local dimensions that are drawn."""
    if jacobian is None:
        return {}
    rows = measured(jacobian[jacobian["estimator"].isin(_JACOBIAN)])
    return {
        variant: part.set_index("estimator")["value"].to_dict() for variant, part in rows.groupby("variant")
    }


def _draw_panel(panel: Axes, mine: pd.DataFrame, axis: _Axis, looks: Mapping) -> None:
    shown = mine.loc[axis.place.index].assign(place=axis.place).sort_values("place", kind="stable")
    for _, line in shown.groupby(axis.by, sort=False, dropna=False):
        first = line.iloc[0]
        colour, marker, dashes = looks[first["estimator"], -1.0 if np.isnan(first["k"]) else first["k"]]
        panel.plot(line["place"], line["value"], color=colour, marker=marker, linestyle=dashes, zorder=3)
        bars = line[line["low"].notna() & line["high"].notna()]
        panel.vlines(
            bars["place"], bars["low"], bars["high"], color=colour, linewidth=2.4, alpha=0.45, zorder=2
        )
    panel.set_xlabel(axis.label)
    _across(panel, axis)
    _mark_wavelength(panel, axis, float(mine["shortest_wavelength_km"].iloc[0]))


def _across(panel: Axes, axis: _Axis) -> None:
    """Write the places under a panel, and the reach of the neighbours at each over it."""
    place = axis.ticks["place"].to_numpy(float)
    if axis.log:
        panel.set_xscale("log")
        panel.set_xlim(place[0] / 1.25, place[-1] * 1.25)
    else:
        panel.set_xlim(place[0] - 0.4, place[-1] + 0.4)
    reaches = [_short(reach) for reach in axis.ticks["reach_km"]]
    ticks = axis.ticks.assign(reach=reaches)
    widest = max(map(len, [*reaches, *(axis.ticks["text"] if axis.log else [""])]))
    # As many as fit side by side, counted from the finest.
    step = int(np.ceil(len(ticks) * widest * _INCHES_A_LETTER / 1.7))
    ticks = ticks.iloc[::-1].iloc[:: max(step, 1)].iloc[::-1] if axis.log else ticks
    panel.xaxis.set_major_locator(FixedLocator(ticks["place"]))
    panel.xaxis.set_major_formatter(FixedFormatter(ticks["text"].tolist()))
    panel.xaxis.set_minor_locator(NullLocator())
    if not axis.log:
        for text in panel.get_xticklabels():
            text.set(rotation=35, ha="right", rotation_mode="anchor")
    for x, reach in zip(ticks["place"], ticks["reach"], strict=True):
        panel.annotate(reach, (x, 1), (0, 3), xycoords=panel.get_xaxis_transform(), color="#555555",
                       textcoords="offset points", ha="center", va="bottom")  # fmt: skip


def _short(kilometres: float) -> str:
    """Write a distance with two or three digits; nothing where it is not known."""
    if np.isnan(kilometres):
        return ""
    return f"{kilometres:,.0f}" if kilometres >= 10 else f"{kilometres:.2g}"


def _mark_wavelength(panel: Axes, axis: _Axis, wavelength: float) -> None:
    """Shade where the neighbours reach beyond a quarter of a wavelength; draw a line where they reach a whole one."""
    known = axis.ticks.dropna(subset="reach_km").sort_values("reach_km")
    if known.empty or np.isnan(wavelength):
        return
    transform: Callable = np.log if axis.log else np.asarray
    back: Callable = np.exp if axis.log else np.asarray
    place, reach = transform(known["place"].to_numpy(float)), np.log(known["reach_km"].to_numpy(float))
    finest, coarsest = reach[0], reach[-1]
    # The end of the panel on which neighbours are far.
    far = panel.get_xlim()[int(place[-1] > place[0])]
    quarter = np.log(wavelength / 4)
    if quarter < finest:
        panel.axvspan(*panel.get_xlim(), color=COARSE, linewidth=0, zorder=0, label=_BEYOND)
    elif quarter < coarsest:
        edge = back(np.interp(quarter, reach, place))
        panel.axvspan(min(edge, far), max(edge, far), color=COARSE, linewidth=0, zorder=0, label=_BEYOND)
    if finest < np.log(wavelength) < coarsest:
        panel.axvline(back(np.interp(np.log(wavelength), reach, place)), color=style.FAINT, linewidth=1.2,
                      linestyle=(0, (5, 2)), zorder=1, label=_AT)  # fmt: skip


def _finish_row(
    panels: Sequence[Axes], across: Sequence[_Axis], mine: pd.DataFrame, exact: Mapping[str, float]
) -> None:
    """Give the panels of one variant one scale, its exact local dimensions and a title."""
    bounds = pd.concat([mine[name] for name in ("value", "low", "high")]).dropna()
    row = mine.iloc[0]
    wavelength = row["shortest_wavelength_km"]
    name = row["encoder"] or "_".join(filter(None, row[["model", "resolution", "modality"]]))
    title = style.title(name)
    if not np.isnan(wavelength):
        title += f", shortest wavelength λ = {_short(wavelength)} km"
    for number, (panel, axis) in enumerate(zip(panels, across, strict=True)):
        log = style.dimension_axis(panel, "y", [*bounds, *exact.values()])
        for estimator, value in exact.items():
            panel.axhline(value, color=style.INK, linewidth=0.9, linestyle=_JACOBIAN[estimator][1], zorder=1)
        # The second line is left free for the numbers.
        style.headline(panel, title if number == 0 else "", [axis.reach, ""])
        if number == 0:
            panel.set_ylabel(f"intrinsic dimension{' (log scale)' if log else ''}")


def _handles(looks: Mapping, lines: Mapping[str, Mapping[str, float]], panels: Sequence[Axes]) -> list:
    handles, named = [], set()
    for (estimator, k), look in looks.items():
        several = sum(other == estimator and looks[other, at] == look for other, at in looks) > 1
        words = style.title(estimator) if several else style.measure_title(estimator, np.nan if k < 0 else k)
        if words not in named:
            named.add(words)
            handles.append(style.key(words, *look))
    drawn = {estimator for exact in lines.values() for estimator in exact}
    marked = {artist.get_label() for panel in panels for artist in (*panel.patches, *panel.lines)}
    handles += [style.key(words, line=dashes, linewidth=0.9) for name, (words, dashes) in _JACOBIAN.items()
                if name in drawn]  # fmt: skip
    if _BEYOND in marked:
        handles.append(Patch(color=COARSE, label=_BEYOND))
    if _AT in marked:
        handles.append(style.key(_AT, style.FAINT, line=(0, (5, 2)), linewidth=1.2))
    return handles
