"""Normalise polygons: remove rounding errors, move them to longitudes from -180 to 180, and make them valid."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earthdim.data.coordinate_tables import geometry
from earthdim.geo import ROUNDING

if TYPE_CHECKING:
    from shapely import Polygon
    from shapely.geometry.base import BaseGeometry

WIDEST = 180.0
"""Largest span of an edge, degrees of longitude: a longer one probably should cross the date line."""
REPAIRED = 1e-9
"""Largest relative change of a polygon's area when touching lines are separated."""


def whole(one: "BaseGeometry", what: str) -> list["Polygon"]:
    """Make a polygon valid and move it to longitudes from -180 to 180.

    Parameters
    ----------
    one : geometry
        Longitudes from -180 to 360; a polygon that extends beyond 180 is cut there.
    what : str
        Prefix of errors.

    Returns
    -------
    list of Polygon
        Without overlap; usually one.

    Raises
    ------
    ValueError
        If it is not a polygon or not in degrees, an edge spans more than half of the globe, or its lines cross, so that
        its interior is ambiguous.

    Warns
    -----
    UserWarning
        If its lines touch each other and were separated without changing its area.
    """
    import shapely

    if one.geom_type != "Polygon":
        raise ValueError(f"{what} is a {one.geom_type}, not a polygon")
    xy = shapely.get_coordinates(one)
    # Written so that NaN, which compares false, is rejected too.
    within = (xy >= (-180 - ROUNDING, -90 - ROUNDING)) & (xy <= (360 + ROUNDING, 90 + ROUNDING))
    if not within.all():
        raise ValueError(f"{what} is not in degrees from -180 to 180 (or 0 to 360) and -90 to 90")
    one = shapely.transform(shapely.force_2d(one), _clipped)
    for ring in (one.exterior, *one.interiors):
        _check_edges(shapely.get_coordinates(ring), what)
    return [part for valid in _valid(one, what) for part in _at_home(valid)]


def _clipped(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Snap coordinates to the bounds that they miss only by rounding."""
    xy = np.clip(xy, (-180, -90), (360, 90))
    for axis, bounds in ((0, (-180, 0, 180, 360)), (1, (-90, 90))):
        for bound in bounds:
            xy[np.abs(xy[:, axis] - bound) <= 1e-9, axis] = bound
    beyond = (xy[:, 0] > 180) & (xy[:, 0] <= 180 + ROUNDING)
    xy[beyond, 0] = 180.0
    return xy


def _check_edges(ring: NDArray[np.float64], what: str) -> None:
    """Raise ValueError for an edge that spans more than half of the globe, which should probably span the other half.

    Exceptions are an edge along a pole, which is a single place, and an edge from end to end of a ring that surrounds
    the globe: such a ring is closed along the meridian where its ends meet, as by a cut at the date line.
    """
    lon, lat = ring.T
    steps = np.abs(np.diff(lon))
    polar = (np.abs(lat[:-1]) == 90) & (lat[:-1] == lat[1:])
    far = (steps > WIDEST) & ~polar
    if far.any() and _goes_round(lon, lat):
        far &= steps < 360
    if far.any():
        raise ValueError(
            f"{what} has an edge that spans {steps[far].max():g} degrees of longitude; cut the polygon at the date "
            "line (RFC 7946)"
        )


def _goes_round(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> bool:
    """Whether a ring is 360 degrees wide and follows a meridian at both ends."""
    west, east = lon.min(), lon.max()
    upright = (np.diff(lon) == 0) & (np.diff(lat) != 0)
    return east - west == 360 and all((upright & (lon[:-1] == end)).any() for end in (west, east))


def _valid(one: "Polygon", what: str) -> list["Polygon"]:
    """Return the polygon, or its parts if its lines touch."""
    import shapely

    if one.is_valid:
        return [one]
    reason = shapely.is_valid_reason(one)
    made = shapely.get_parts(shapely.make_valid(one))
    made = [part for shape in made for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    if not made or abs(shapely.area(made).sum() - one.area) > REPAIRED * one.area:
        raise ValueError(f"{what} is not valid ({reason}): its lines cross; repair it, for example in QGIS")
    geometry.warn(
        f"{what.removeprefix('sample.path: ')} is not valid ({reason}); it was repaired without changing its area"
    )
    return made


def _at_home(one: "Polygon") -> list["Polygon"]:
    """Return the polygon, or its parts on both sides of longitude 180, the eastern ones moved by -360 degrees."""
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
