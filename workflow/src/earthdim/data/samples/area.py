"""Independent points, uniform by area, over the globe or a part of it.

The first m points of a sample equal the sample of size m from the same seed: proposals are drawn row by row, in chunks
of fixed size if some are rejected. Parameters and return value are those of `earthdim.data.samples`.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from earthdim.data.samples.domain import CHUNK, GLOBE, Box, Condition, accepted, check_n, ground, in_box
from earthdim.geo import EARTH_RADIUS_KM, check_lonlat, offset_km


class Area(Protocol):
    """A part of the globe: a membership test, and a bounding box in which proposals are drawn."""

    box: Box

    def __call__(self, lonlat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of (m, 2) longitudes and latitudes (degrees) lie inside."""


def sphere(n: int, rng: np.random.Generator, is_land: Condition | None = None) -> NDArray[np.float64]:
    """Draw `n` points uniformly by area over the whole globe, including the sea; `is_land` is not used."""
    check_n(n)
    return in_box(GLOBE, n, rng)


def land(n: int, rng: np.random.Generator, is_land: Condition) -> NDArray[np.float64]:
    """Draw `n` points uniformly by area over land, by rejection from the globe."""
    return accepted(n, lambda: in_box(GLOBE, CHUNK, rng), (is_land,), "the globe")


def region(n: int, rng: np.random.Generator, is_land: Condition, inside: Area) -> NDArray[np.float64]:
    """Draw `n` points uniformly by area over the land of a region, by rejection from the box around it.

    Parameters
    ----------
    n, rng, is_land
        See `earthdim.data.samples`.
    inside : Area
        The region, such as an `earthdim.data.regions.Territory`.
    """
    return accepted(n, lambda: in_box(inside.box, CHUNK, rng), (is_land, inside), "the box around the region")


def patch(
    n: int, rng: np.random.Generator, is_land: Condition, lon: float, lat: float, diameter_km: float
) -> NDArray[np.float64]:
    """Draw `n` points uniformly by area over the land of a disc on the ground.

    Proposals are drawn in the disc itself, so that a disc of 10 km costs no more than one of 2,000 km.

    Parameters
    ----------
    n, rng, is_land
        See `earthdim.data.samples`.
    lon, lat : float
        The centre of the disc, degrees.
    diameter_km : float
        Its diameter along a great circle, km.

    Raises
    ------
    ValueError
        If `n` is below 1, the centre is not a valid coordinate, the diameter is not in (0, 40030], or no land is
        found in the disc.
    """
    centre = check_lonlat([[lon, lat]])
    half_angle = diameter_km / EARTH_RADIUS_KM / 4
    if not 0 < half_angle <= np.pi / 2:
        raise ValueError(f"diameter_km must lie between 0 and the circumference, not {diameter_km}")

    def proposals() -> NDArray[np.float64]:
        azimuth, area = rng.random((CHUNK, 2)).T
        # The area of a cap is proportional to the square of the chord to its rim. The centre, which may be a pole, is
        # never drawn: 1 - area lies in (0, 1].
        distance = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(1 - area) * np.sin(half_angle))
        turn = 2 * np.pi * azimuth
        return offset_km(centre, distance * np.sin(turn), distance * np.cos(turn))[0]

    return accepted(n, proposals, (is_land,), "the patch")


def box(
    n: int,
    rng: np.random.Generator,
    is_land: Condition,
    over: str,
    south: float,
    north: float,
    west: float,
    east: float,
) -> NDArray[np.float64]:
    """Draw `n` points uniformly by area between two parallels and two meridians.

    Parameters
    ----------
    n, rng, is_land, over
        See `earthdim.data.samples`.
    south, north : float
        The parallels, degrees.
    west, east : float
        The meridians, degrees. The box extends eastwards from `west` to `east`, across the date line if `west` is
        larger.

    Raises
    ------
    ValueError
        If `n` is below 1, an edge is not a valid coordinate, the box is empty, `over` is unknown, or no land is found
        in the box.
    """
    conditions = ground(over, is_land)
    check_lonlat([[west, south], [east, north]])
    if not south < north:
        raise ValueError(f"south: {south} is not below north, {north}")
    if west == east:
        raise ValueError(f"west: {west} equals east; for all longitudes use -180 and 180")
    within = Box(west, east - west if west < east else east - west + 360, south, north)
    if conditions:
        return accepted(n, lambda: in_box(within, CHUNK, rng), conditions, "the box")
    check_n(n)
    return in_box(within, n, rng)
