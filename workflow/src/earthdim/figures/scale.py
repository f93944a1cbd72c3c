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
"""Background colour where the sample is too coarse for the encoder."""

_JACOBIAN = {
    "jacobian-rank": ("exact local rank", "-"),
    "jacobian-participation-ratio": ("local participation ratio", (0, (1, 1.5))),
}
_BEYOND = "neighbour radius > λ/4"
_AT = "neighbour radius = λ"
_INCHES_PER_CHARACTER = 0.068


@dataclass(frozen=True)
class _Axis:
    """Horizontal axis of a panel: positions, and the neighbour radius on the ground at each.

    Attributes
    ----------
    label : str
        Axis label.
    log : bool
        Whether the axis is logarithmic.
    by : list of str
        Columns that identify a line of the panel.
    radius : str
        Description of the neighbour radius in `ticks`; "" if it is unknown.
    place : Series
        Index of a table row -> position. Rows not shown in the panel are absent.
    ticks : DataFrame
        Columns place, text and radius_km, in ascending order of place; radius_km is NaN where it is unknown.
    """

    label: str
    log: bool
    by: list[str]
    radius: str
    place: pd.Series
    ticks: pd.DataFrame


@style.styled()
def draw(
    variants: pd.DataFrame, scale: pd.DataFrame, jacobian: pd.DataFrame | None = None, *, sweep: str = "gride"
) -> style.PrintedFigure:
    """Draw the intrinsic dimension (ID) against N, k and the support, one row of panels per variant.

    The numbers above a panel are the neighbour radius: the distance on the ground to the k-th neighbour, with k from
    the first estimator that has one (from `sweep` in the middle panel). Where the background is grey, the radius
    exceeds a quarter of the encoder's shortest wavelength: the sample is too coarse to resolve the encoder as a smooth
    map.

    Parameters
    ----------
    variants : DataFrame
        variants.csv.
    scale : DataFrame
        scale.csv: the first N points of one sample for several N, and other supports at full size.
    jacobian : DataFrame or None
        jacobian.csv; its exact local dimensions are drawn as horizontal lines.
    sweep : str
        Estimator whose values at several k are shown in the middle panel.

    Raises
    ------
    ValueError
        If no variant was measured at several N, k or supports.
    """
    rows = cells.describe(measured(scale), variants).reset_index(drop=True)
    rows["k"] = pd.to_numeric(rows["k"]).astype("float64")
    names = list(dict.fromkeys(rows["variant"]))
    panels_of = [_axes_of(rows[rows["variant"] == name], sweep) for name in names]
    columns = max(map(len, panels_of), default=0)
    if columns == 0:
        raise OmittedError("scale: no variant was measured at several N, k or supports")
    symbols = _symbols(rows, sweep)
    figure, places, _ = style.panels(len(names) * columns, columns, height=2.35, extra=0.75)
    lines = _exact(jacobian)
    for number, (name, across) in enumerate(zip(names, panels_of, strict=True)):
        mine = rows[rows["variant"] == name]
        in_row = places[number * columns : (number + 1) * columns]
        for panel, axis in zip(in_row, across, strict=False):
            _draw_panel(panel, mine, axis, symbols)
        _finish_row(in_row[: len(across)], across, mine, lines.get(name, {}))
        for empty in in_row[len(across) :]:
            empty.axis("off")
    style.legend(figure, _handles(symbols, lines, places), columns=4)
    return figure


def _axes_of(mine: pd.DataFrame, sweep: str) -> list[_Axis]:
    """Axes of the panels of one variant: those with at least two positions."""
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
    """Rows of the first estimator and k that use neighbours."""
    with_radius = rows[rows["neighbour_radius_km"].notna()]
    first = with_radius[["estimator", "k"]].head(1)
    return with_radius.merge(first)


def _radius_label(reference: pd.DataFrame) -> str:
    if reference.empty:
        return ""
    k = reference["k"].unique()
    return f"neighbour radius, k = {k[0]:.0f} (km)" if len(k) == 1 else "neighbour radius (km)"


def _numbers(label: str, rows: pd.DataFrame, column: str, reference: pd.DataFrame) -> _Axis:
    """Place rows on a logarithmic axis of N or k."""
    radius = reference.drop_duplicates(column).set_index(column)["neighbour_radius_km"]
    place = pd.Series(np.sort(rows[column].unique()).astype(float))
    texts = [f"{number:,.0f}" for number in place]
    ticks = pd.DataFrame({"place": place, "text": texts, "radius_km": place.map(radius)})
    by = ["estimator"] if column == "k" else ["estimator", "k"]
    return _Axis(label, True, by, _radius_label(reference), rows[column].astype(float), ticks)


def _supports(rows: pd.DataFrame, reference: pd.DataFrame) -> _Axis:
    """Place supports at equal distances, in descending order of the neighbour radius."""
    radius = reference.drop_duplicates("support").set_index("support")["neighbour_radius_km"]
    names = pd.Series(rows["support"].unique())
    order = names.map(radius).sort_values(ascending=False, kind="stable")
    names = names[order.index].tolist()
    ticks = pd.DataFrame({"place": np.arange(len(names), dtype=float), "text": map(_support_title, names),
                          "radius_km": order.to_numpy()})  # fmt: skip
    place = rows["support"].map(names.index).astype(float)
    return _Axis("support", False, ["estimator", "k"], _radius_label(reference), place, ticks)


def _support_title(kind: str) -> str:
    """Display name of a kind of sample: `region-africa` -> Africa, `patch-200` -> 200 km."""
    sort, _, which = kind.partition("-")
    if sort == "patch" and which.isdigit():
        return f"{int(which):,} km"
    return style.title(which).title() if sort == "region" else style.title(kind)


def _symbols(rows: pd.DataFrame, sweep: str) -> dict[tuple[str, float], tuple[str, str, object]]:
    """Assign a colour and marker to each estimator, and a line style to each of its k (a single one to `sweep`)."""
    symbols = {}
    estimators = list(dict.fromkeys(rows["estimator"]))
    if len(estimators) > len(style.COLOURS):
        raise ValueError(
            f"scale.estimators: {len(estimators)} exceed the {len(style.COLOURS)} distinct colours"
        )
    for estimator, colour, marker in zip(estimators, style.COLOURS, style.MARKERS, strict=False):
        numbers = rows.loc[rows["estimator"] == estimator, "k"].drop_duplicates()
        for rank, k in enumerate(numbers):
            line = style.LINES[0 if estimator == sweep else rank % len(style.LINES)]
            symbols[estimator, -1.0 if np.isnan(k) else k] = (colour, marker, line)
    return symbols


def _exact(jacobian: pd.DataFrame | None) -> dict[str, dict[str, float]]:
    """Return variant -> estimator -> value of the exact local dimensions."""
    if jacobian is None:
        return {}
    rows = measured(jacobian[jacobian["estimator"].isin(_JACOBIAN)])
    return {
        variant: part.set_index("estimator")["value"].to_dict() for variant, part in rows.groupby("variant")
    }


def _draw_panel(panel: Axes, mine: pd.DataFrame, axis: _Axis, symbols: Mapping) -> None:
    shown = mine.loc[axis.place.index].assign(place=axis.place).sort_values("place", kind="stable")
    for _, line in shown.groupby(axis.by, sort=False, dropna=False):
        first = line.iloc[0]
        colour, marker, dashes = symbols[first["estimator"], -1.0 if np.isnan(first["k"]) else first["k"]]
        panel.plot(line["place"], line["value"], color=colour, marker=marker, linestyle=dashes, zorder=3)
        bars = line[line["low"].notna() & line["high"].notna()]
        panel.vlines(
            bars["place"], bars["low"], bars["high"], color=colour, linewidth=2.4, alpha=0.45, zorder=2
        )
    panel.set_xlabel(axis.label)
    _across(panel, axis)
    _mark_wavelength(panel, axis, float(mine["shortest_wavelength_km"].iloc[0]))


def _across(panel: Axes, axis: _Axis) -> None:
    """Write the positions below a panel, and the neighbour radius at each of them above."""
    place = axis.ticks["place"].to_numpy(float)
    if axis.log:
        panel.set_xscale("log")
        panel.set_xlim(place[0] / 1.25, place[-1] * 1.25)
    else:
        panel.set_xlim(place[0] - 0.4, place[-1] + 0.4)
    radii = [_short(radius) for radius in axis.ticks["radius_km"]]
    ticks = axis.ticks.assign(radius=radii)
    widest = max(map(len, [*radii, *(axis.ticks["text"] if axis.log else [""])]))
    # As many as fit side by side, counted from the right.
    step = int(np.ceil(len(ticks) * widest * _INCHES_PER_CHARACTER / 1.7))
    ticks = ticks.iloc[::-1].iloc[:: max(step, 1)].iloc[::-1] if axis.log else ticks
    panel.xaxis.set_major_locator(FixedLocator(ticks["place"]))
    panel.xaxis.set_major_formatter(FixedFormatter(ticks["text"].tolist()))
    panel.xaxis.set_minor_locator(NullLocator())
    if not axis.log:
        for text in panel.get_xticklabels():
            text.set(rotation=35, ha="right", rotation_mode="anchor")
    for x, radius in zip(ticks["place"], ticks["radius"], strict=True):
        panel.annotate(radius, (x, 1), (0, 3), xycoords=panel.get_xaxis_transform(), color="#555555",
                       textcoords="offset points", ha="center", va="bottom")  # fmt: skip


def _short(kilometres: float) -> str:
    """Format a distance with two or more digits; "" if it is unknown."""
    if np.isnan(kilometres):
        return ""
    return f"{kilometres:,.0f}" if kilometres >= 10 else f"{kilometres:.2g}"


def _mark_wavelength(panel: Axes, axis: _Axis, wavelength: float) -> None:
    """Shade where the neighbour radius exceeds a quarter of the wavelength; mark where it equals the wavelength."""
    known = axis.ticks.dropna(subset="radius_km").sort_values("radius_km")
    if known.empty or np.isnan(wavelength):
        return
    transform: Callable = np.log if axis.log else np.asarray
    back: Callable = np.exp if axis.log else np.asarray
    place, radius = transform(known["place"].to_numpy(float)), np.log(known["radius_km"].to_numpy(float))
    finest, coarsest = radius[0], radius[-1]
    # The end of the panel with the largest radius.
    far = panel.get_xlim()[int(place[-1] > place[0])]
    quarter = np.log(wavelength / 4)
    if quarter < finest:
        panel.axvspan(*panel.get_xlim(), color=COARSE, linewidth=0, zorder=0, label=_BEYOND)
    elif quarter < coarsest:
        edge = back(np.interp(quarter, radius, place))
        panel.axvspan(min(edge, far), max(edge, far), color=COARSE, linewidth=0, zorder=0, label=_BEYOND)
    if finest < np.log(wavelength) < coarsest:
        panel.axvline(back(np.interp(np.log(wavelength), radius, place)), color=style.FAINT, linewidth=1.2,
                      linestyle=(0, (5, 2)), zorder=1, label=_AT)  # fmt: skip


def _finish_row(
    panels: Sequence[Axes], across: Sequence[_Axis], mine: pd.DataFrame, exact: Mapping[str, float]
) -> None:
    """Set a common scale for the panels of one variant; draw its exact local dimensions and its title."""
    bounds = pd.concat([mine[name] for name in ("value", "low", "high")]).dropna()
    row = mine.iloc[0]
    wavelength = row["shortest_wavelength_km"]
    name = row["encoder"] or "_".join(filter(None, row[["model", "resolution", "modality", "objective"]]))
    title = style.title(name)
    if not np.isnan(wavelength):
        title += f", shortest wavelength λ = {_short(wavelength)} km"
    for number, (panel, axis) in enumerate(zip(panels, across, strict=True)):
        log = style.dimension_axis(panel, "y", [*bounds, *exact.values()])
        for estimator, value in exact.items():
            panel.axhline(value, color=style.INK, linewidth=0.9, linestyle=_JACOBIAN[estimator][1], zorder=1)
        # The second line is reserved for the radii.
        style.headline(panel, title if number == 0 else "", [axis.radius, ""])
        if number == 0:
            panel.set_ylabel(f"intrinsic dimension{' (log scale)' if log else ''}")


def _handles(symbols: Mapping, lines: Mapping[str, Mapping[str, float]], panels: Sequence[Axes]) -> list:
    handles, named = [], set()
    for (estimator, k), symbol in symbols.items():
        several = sum(other == estimator and symbols[other, at] == symbol for other, at in symbols) > 1
        words = style.title(estimator) if several else style.measure_title(estimator, np.nan if k < 0 else k)
        if words not in named:
            named.add(words)
            handles.append(style.key(words, *symbol))
    drawn = {estimator for exact in lines.values() for estimator in exact}
    marked = {artist.get_label() for panel in panels for artist in (*panel.patches, *panel.lines)}
    handles += [style.key(words, line=dashes, linewidth=0.9) for name, (words, dashes) in _JACOBIAN.items()
                if name in drawn]  # fmt: skip
    if _BEYOND in marked:
        handles.append(Patch(color=COARSE, label=_BEYOND))
    if _AT in marked:
        handles.append(style.key(_AT, style.FAINT, line=(0, (5, 2)), linewidth=1.2))
    return handles
