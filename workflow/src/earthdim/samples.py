"""Coordinate sets drawn by area: the only sampler of each kind.

Every sampler is called as ``sampler(n, rng, is_land, ...)``. The first m points of a draw are the draw of size m from
the same seed: proposals are drawn row by row, in chunks of a fixed size where some are rejected.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from earthdim.geo import EARTH_RADIUS_KM, check_lonlat, offset_km

CHUNK = 4096
BARREN_CHUNKS = 256
"""Chunks in a row without a point to keep (a million proposals) after which there is taken to be none."""

IsLand = Callable[[NDArray[np.float64]], NDArray[np.bool_]]


class Box(NamedTuple):
    """What lies between two parallels and two meridians, degrees.

    It reaches `width` degrees eastwards from the meridian `west`, over the date line where need be.
    """

    west: float
    width: float
    south: float
    north: float


GLOBE = Box(-180.0, 360.0, -90.0, 90.0)


class Area(Protocol):
    """A part of the globe: which points it holds, and a box around it, in which proposals are drawn."""

    box: Box

    def __call__(self, lonlat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which of (m, 2) longitudes and latitudes (degrees) lie inside."""


def sphere(n: int, rng: np.random.Generator, is_land: IsLand | None = None) -> NDArray[np.float64]:
    """Draw `n` points uniformly by area over the whole globe, seas included.

    Parameters
    ----------
    n : int
        Number of points.
    rng : numpy.random.Generator
        Source of the draw.
    is_land : callable, optional
        Not used; samplers are all called alike.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Longitude and latitude, degrees.
    """
    _check_n(n)
    return _in_box(GLOBE, n, rng)


def land(n: int, rng: np.random.Generator, is_land: IsLand) -> NDArray[np.float64]:
    """Draw `n` points uniformly by area over land, by rejection from the globe.

    Parameters
    ----------
    n : int
        Number of points.
    rng : numpy.random.Generator
        Source of the draw; always advanced by whole chunks of proposals.
    is_land : callable
        Takes coordinates, shape (m, 2), degrees, and returns m booleans.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Longitude and latitude, degrees.

    Raises
    ------
    ValueError
        If `n` is below 1 or `is_land` finds no land on the globe.
    """
    return _accepted(n, lambda: _in_box(GLOBE, CHUNK, rng), (is_land,), "the globe")


def region(n: int, rng: np.random.Generator, is_land: IsLand, inside: Area) -> NDArray[np.float64]:
    """Draw `n` points uniformly by area over the land of a region, by rejection from the box around it.

    Parameters
    ----------
    n : int
        Number of points.
    rng : numpy.random.Generator
        Source of the draw; always advanced by whole chunks of proposals.
    is_land : callable
        Takes coordinates, shape (m, 2), degrees, and returns m booleans.
    inside : Area
        The region, such as an `earthdim.regions.Territory`.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Longitude and latitude, degrees.

    Raises
    ------
    ValueError
        If `n` is below 1 or no land of the region is found in its box.
    """
    return _accepted(
        n, lambda: _in_box(inside.box, CHUNK, rng), (is_land, inside), "the box around the region"
    )


def patch(
    n: int, rng: np.random.Generator, is_land: IsLand, lon: float, lat: float, diameter_km: float
) -> NDArray[np.float64]:
    """Draw `n` points uniformly by area over the land of a disc on the ground.

    Proposals are drawn in the disc itself, so that a disc of 10 km costs no more than one of 2,000 km.

    Parameters
    ----------
    n : int
        Number of points.
    rng : numpy.random.Generator
        Source of the draw; always advanced by whole chunks of proposals.
    is_land : callable
        Takes coordinates, shape (m, 2), degrees, and returns m booleans.
    lon, lat : float
        The centre of the disc, degrees.
    diameter_km : float
        Its diameter along a great circle, km.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Longitude and latitude, degrees.

    Raises
    ------
    ValueError
        If `n` is below 1, the centre is no place on the globe, the diameter is not in (0, 40030], or no land is
        found in the disc.
    """
    centre = check_lonlat([[lon, lat]])
    half_angle = diameter_km / EARTH_RADIUS_KM / 4
    if not 0 < half_angle <= np.pi / 2:
        raise ValueError(f"diameter_km must lie between 0 and the circumference, not {diameter_km}")

    def proposals() -> NDArray[np.float64]:
        azimuth, area = rng.random((CHUNK, 2)).T
        # The area of a cap is proportional to the square of the chord to its rim. The centre itself, which may be a
        # pole, is never drawn: 1 - area lies in (0, 1].
        distance = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(1 - area) * np.sin(half_angle))
        turn = 2 * np.pi * azimuth
        return offset_km(centre, distance * np.sin(turn), distance * np.cos(turn))[0]

    return _accepted(n, proposals, (is_land,), "the patch")


def _check_n(n: int) -> None:
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")


def _in_box(box: Box, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw points uniformly by area; latitudes stay off the poles, where longitude means nothing."""
    east, height = rng.random((size, 2)).T
    longitude = box.west + box.width * east
    longitude = np.where(longitude >= 180, longitude - 360, longitude)
    low, high = np.sin(np.radians((box.south, box.north)))
    sine = np.clip(low + (high - low) * height, np.nextafter(-1, 0), np.nextafter(1, 0))
    return np.stack([longitude, np.degrees(np.arcsin(sine))], axis=1)


def _accepted(
    n: int,
    propose: Callable[[], NDArray[np.float64]],
    conditions: tuple[Callable[[NDArray[np.float64]], NDArray[np.bool_]], ...],
    where: str,
) -> NDArray[np.float64]:
    """Draw chunks of proposals until `n` of them meet every condition, the cheapest of which comes first."""
    _check_n(n)
    kept: list[NDArray[np.float64]] = []
    found = barren = 0
    while found < n:
        points = propose()
        for condition in conditions:
            if len(points):
                points = points[condition(points)]
        kept.append(points)
        found += len(points)
        barren = 0 if len(points) else barren + 1
        if barren == BARREN_CHUNKS:
            raise ValueError(f"is_land: no land among {BARREN_CHUNKS * CHUNK} points of {where}")
    return np.concatenate(kept)[:n]
