"""Polygons as their makers meant them: free of rounding, on longitudes from -180 to 180, and valid."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earthdim.data.coordinate_tables import geometry
from earthdim.geo import ROUNDING

if TYPE_CHECKING:
    from shapely import Polygon
    from shapely.geometry.base import BaseGeometry

WIDEST = 180.0
"""Degrees of longitude that one edge may span: a longer one is more likely to cross the date line the wrong way."""
REPAIRED = 1e-9
"""Share of its area by which a polygon may change when its touching lines are taken apart."""


def whole(one: "BaseGeometry", what: str) -> list["Polygon"]:
    """Make a polygon valid and put it where longitudes are from -180 to 180.

    Parameters
    ----------
    one : geometry
        Longitudes from -180 to 360; one that reaches beyond 180 is cut there.
    what : str
        Begins the message of errors.

    Returns
    -------
    list of Polygon
        Without overlap; usually one.

    Raises
    ------
    ValueError
        If it is no polygon or is not in degrees, an edge crosses the date line the wrong way, or its lines cross such
        that it is not clear what lies inside.

    Warns
    -----
    UserWarning
        If its lines touch each other and were taken apart, which keeps its area.
    """
    import shapely

    if one.geom_type != "Polygon":
        raise ValueError(f"{what} is a {one.geom_type}, not a polygon")
    xy = shapely.get_coordinates(one)
    # Written so that a NaN, which compares false, is caught too.
    within = (xy >= (-180 - ROUNDING, -90 - ROUNDING)) & (xy <= (360 + ROUNDING, 90 + ROUNDING))
    if not within.all():
        raise ValueError(f"{what} is not in degrees from -180 to 180 (or 0 to 360) and -90 to 90")
    one = shapely.transform(shapely.force_2d(one), _clipped)
    for ring in (one.exterior, *one.interiors):
        _check_edges(shapely.get_coordinates(ring), what)
    return [part for valid in _valid(one, what) for part in _at_home(valid)]


def _clipped(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates on the bounds that they pass, or fall short of, by rounding."""
    xy = np.clip(xy, (-180, -90), (360, 90))
    for axis, bounds in ((0, (-180, 0, 180, 360)), (1, (-90, 90))):
        for bound in bounds:
            xy[np.abs(xy[:, axis] - bound) <= 1e-9, axis] = bound
    beyond = (xy[:, 0] > 180) & (xy[:, 0] <= 180 + ROUNDING)
    xy[beyond, 0] = 180.0
    return xy


def _check_edges(ring: NDArray[np.float64], what: str) -> None:
    """Refuse an edge that leads round more than half of the globe, for it was meant to lead round the other half.

    Not meant so are an edge along a pole, which is one place, and one from end to end of a ring that goes once round
    the globe: such a ring is closed along the meridian where both its ends meet, as by a cut at the date line.
    """
    lon, lat = ring.T
    steps = np.abs(np.diff(lon))
    polar = (np.abs(lat[:-1]) == 90) & (lat[:-1] == lat[1:])
    far = (steps > WIDEST) & ~polar
    if far.any() and _goes_round(lon, lat):
        far &= steps < 360
    if far.any():
        raise ValueError(
            f"{what} has an edge that spans {steps[far].max():g} degrees of longitude; cut it at the date line, or in "
            "two (RFC 7946)"
        )


def _goes_round(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> bool:
    """Whether a ring is 360 degrees wide and runs along the meridian at both its ends."""
    west, east = lon.min(), lon.max()
    upright = (np.diff(lon) == 0) & (np.diff(lat) != 0)
    return east - west == 360 and all((upright & (lon[:-1] == end)).any() for end in (west, east))


def _valid(one: "Polygon", what: str) -> list["Polygon"]:
    """The polygon, or what it is made of where its lines touch."""
    import shapely

    if one.is_valid:
        return [one]
    reason = shapely.is_valid_reason(one)
    made = shapely.get_parts(shapely.make_valid(one))
    made = [part for shape in made for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    if not made or abs(shapely.area(made).sum() - one.area) > REPAIRED * one.area:
        raise ValueError(f"{what} is not valid ({reason}): its lines cross; repair it, for instance in QGIS")
    geometry.warn(
        f"{what.removeprefix('sample.path: ')} is not valid ({reason}); it was repaired, with its area"
    )
    return made


def _at_home(one: "Polygon") -> list["Polygon"]:
    """The polygon, or its parts on both sides of longitude 180, those in the east moved by 360 degrees."""
    import shapely

    west, south, east, north = one.bounds
    if east <= 180:
        return [one]
    here = (
        shapely.intersection(one, shapely.box(-180, south, 180, north)) if west < 180 else shapely.Polygon()
    )
    there = shapely.intersection(one, shapely.box(180, south, 360, north)) if west < 180 else one
    there = shapely.transform(there, lambda xy: xy - (360, 0))
    parts = [part for side in (here, there) for part in shapely.get_parts(side)]
    return [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]
