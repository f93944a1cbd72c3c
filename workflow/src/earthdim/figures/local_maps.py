"""Maps of local intrinsic dimension."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator
from pyproj import Proj

from earthdim.figures import style
from earthdim.figures.declaration import Figure
from earthdim.geo import EARTH_RADIUS_KM
from earthdim.omissions import OmittedError

FIGURE = Figure(
    title="Local ID",
    category="Maps",
    inputs=("maps", "coastline"),
    caption="local_maps.rst",
    vector=False,
)

_QUANTILES = (0.02, 0.98)
# Equal Earth is an equal-area projection: equal areas on the page are equal areas of land.
_EQUAL_EARTH = Proj("+proj=eqearth +R=1")


@style.styled()
def draw(
    maps: Sequence[xr.Dataset], coastline: xr.Dataset, titles: Mapping[str, str] | None = None
) -> style.PrintedFigure:
    """Draw local intrinsic dimension in the Equal Earth projection, one panel per variant, with one colour scale.

    The scale is logarithmic and spans the 2nd to the 98th percentile of all panels together. The title of a panel
    states the variant, k and the median neighbour radius: the distance on the ground to the k-th nearest point.

    Parameters
    ----------
    maps : sequence of Dataset
        local_dimension.zarr of each variant: local_dimension, lon, lat (degrees) and neighbour_radius_km along
        the dimension point; attributes variant and k.
    coastline : Dataset
        Vertices lon, lat (degrees), each with the id of its part.
    titles : mapping, optional
        Variant -> panel title; the display name of the variant by default.

    Raises
    ------
    ValueError
        If no map has points.
    """
    # An empty map belongs to a variant whose local dimension could not be measured.
    maps = [one for one in maps if one.sizes["point"]]
    if not maps:
        raise OmittedError("maps: no variant has a local dimension")
    everything = np.concatenate([np.asarray(one["local_dimension"], float) for one in maps])
    columns = min(len(maps), 2 if len(maps) <= 6 else 3)
    low, high = np.quantile(everything, _QUANTILES)
    norm = mpl.colors.LogNorm(low, max(high, low * 1.05))
    figure, axes, _ = style.panels(
        len(maps), columns, height=3.6 / columns + 0.45, extra=0.6, short_row="last"
    )
    lines = _coast_lines(coastline)
    for panel, one in zip(axes, maps, strict=True):
        variant = str(one.attrs["variant"])
        radius = float(np.median(one["neighbour_radius_km"]))
        about = f"k = {int(one.attrs['k'])}, median radius {radius:,.0f} km"
        style.headline(panel, (titles or {}).get(variant, style.title(variant)), [about])
        _draw_globe(panel, lines)
        _draw_points(panel, one, norm, style.WIDTH / columns)
    _colour_bar(figure, axes, norm, everything)
    return figure


def _project(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Equal Earth coordinates in units of the sphere's radius, shape (n, 2)."""
    return np.stack(_EQUAL_EARTH(np.asarray(lon, float), np.asarray(lat, float)), axis=-1)


def _coast_lines(coastline: xr.Dataset) -> list[np.ndarray]:
    """Projected coastlines, split between parts and at the antimeridian."""
    lon, part = np.asarray(coastline["lon"], float), np.asarray(coastline["part"])
    cuts = np.flatnonzero((np.diff(part) != 0) | (np.abs(np.diff(lon)) > 180)) + 1
    return [line for line in np.split(_project(lon, np.asarray(coastline["lat"])), cuts) if len(line) > 1]


def _draw_globe(panel: Axes, lines: Sequence[np.ndarray]) -> None:
    side = np.linspace(-90, 90, 91)
    outline = np.concatenate([_project(np.full(91, 180.0), side), _project(np.full(91, -180.0), side[::-1])])
    panel.fill(*outline.T, facecolor="#F4F6F8", edgecolor=style.FAINT, linewidth=0.6, zorder=0)
    panel.add_collection(
        LineCollection(lines, colors=style.INK, linewidths=0.3, alpha=0.6, zorder=3, rasterized=True)
    )
    panel.set(aspect="equal", xlim=(-2.76, 2.76), ylim=(-1.36, 1.36))
    panel.axis("off")


def _draw_points(panel: Axes, one: xr.Dataset, norm: mpl.colors.Normalize, width: float) -> None:
    places = _project(one["lon"].values, one["lat"].values)
    # Slightly larger than the point spacing, so that land is covered and few points are hidden.
    spacing = np.median(one["neighbour_radius_km"]) * np.sqrt(np.pi / int(one.attrs["k"])) / EARTH_RADIUS_KM
    points_per_radius = 72 * 0.9 * width / 5.5
    size = np.clip(1.4 * spacing * points_per_radius, 0.6, 5.0) ** 2
    panel.scatter(*places.T, c=one["local_dimension"].values, s=size, marker="o", linewidths=0, norm=norm,
                  cmap="viridis", rasterized=True, zorder=2)  # fmt: skip


def _colour_bar(figure, axes: Sequence[Axes], norm: mpl.colors.Normalize, everything: np.ndarray) -> None:
    below, above = everything.min() < norm.vmin, everything.max() > norm.vmax
    extend = {(True, True): "both", (True, False): "min", (False, True): "max", (False, False): "neither"}
    colours = mpl.cm.ScalarMappable(norm, "viridis")
    bar = figure.colorbar(colours, ax=axes, location="bottom", shrink=0.6, aspect=45, pad=0.03,
                          extend=extend[bool(below), bool(above)])  # fmt: skip
    if norm.vmax > 4 * norm.vmin:
        style.plain_log_ticks(bar.ax.xaxis, norm.vmin, norm.vmax, (1, 2, 3, 5, 7))
    else:
        ticks = MaxNLocator(5).tick_values(norm.vmin, norm.vmax)
        bar.set_ticks([tick for tick in ticks if norm.vmin <= tick <= norm.vmax])
        bar.ax.xaxis.set_major_formatter("{x:g}")
        bar.minorticks_off()
    bar.set_label("local intrinsic dimension (maximum likelihood, logarithmic scale)")
