"""What the samplers share: the ground that points may lie on, the map that keeps areas, and rejection."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CHUNK = 4096
BARREN_CHUNKS = 256
"""Chunks in a row without a point to keep (a million proposals) after which there is taken to be none."""

Condition = Callable[[NDArray[np.float64]], NDArray[np.bool_]]
"""Tells which of (m, 2) longitudes and latitudes, degrees, meet it."""


class Box(NamedTuple):
    """What lies between two parallels and two meridians, degrees.

    It reaches `width` degrees eastwards from the meridian `west`, over the date line where need be.
    """

    west: float
    width: float
    south: float
    north: float


GLOBE = Box(-180.0, 360.0, -90.0, 90.0)


def check_n(n: int) -> None:
    """Refuse an empty draw."""
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")


def existing(path: str) -> str:
    """Return the path of a sample's file, or refuse one that does not exist."""
    if not Path(path).exists():
        raise FileNotFoundError(f"sample.path: {path} does not exist")
    return path


def ground(over: str, is_land: Condition) -> tuple[Condition, ...]:
    """Return what points must meet to lie over land, or over the globe, which is nothing.

    Raises
    ------
    ValueError
        If `over` is neither "land" nor "globe".
    """
    if over not in ("land", "globe"):
        raise ValueError(f"over: {over!r} is neither land nor globe")
    return (is_land,) if over == "land" else ()


def met(points: NDArray[np.float64], conditions: tuple[Condition, ...]) -> NDArray[np.float64]:
    """Return the points, (m, 2) degrees, that meet every condition; the cheapest condition comes first."""
    for condition in conditions:
        if len(points):
            points = points[condition(points)]
    return points


def equal_area(unit: NDArray[np.float64], box: Box = GLOBE) -> NDArray[np.float64]:
    """Map the unit square to a box, so that equal areas of the one are equal areas of the other.

    The area of a zone of the sphere is proportional to its height (Archimedes), so that a uniform sine of latitude
    is uniform by area.

    Parameters
    ----------
    unit : ndarray, shape (m, 2)
        Numbers in [0, 1): the share of the box's width and that of its height along the axis of the Earth.
    box : Box
        What is covered; its edges may be arrays of length m, one box for each point.

    Returns
    -------
    ndarray of float64, shape (m, 2)
        Longitude and latitude, degrees; latitudes stay off the poles.
    """
    east, height = unit.T
    longitude = box.west + box.width * east
    longitude = np.where(longitude >= 180, longitude - 360, longitude)
    low, high = np.sin(np.radians((box.south, box.north)))
    sine = np.clip(low + (high - low) * height, np.nextafter(-1, 0), np.nextafter(1, 0))
    return np.stack([longitude, np.degrees(np.arcsin(sine))], axis=1)


def in_box(box: Box, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw points uniformly by area, row by row, so that a longer draw begins with a shorter one."""
    return equal_area(rng.random((size, 2)), box)


def accepted(
    n: int,
    propose: Callable[[], NDArray[np.float64]],
    conditions: tuple[Condition, ...],
    where: str,
    sought: str = "is_land: no land",
) -> NDArray[np.float64]:
    """Draw chunks of proposals until `n` of them meet every condition.

    Parameters
    ----------
    n : int
        Number of points.
    propose : callable
        Makes the next chunk of at most `CHUNK` points, the size of which does not depend on `n`.
    conditions : tuple of callable
        What to keep, the cheapest condition first.
    where, sought : str
        For the message: where proposals lie, and what was not found there.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Longitude and latitude, degrees. The first m of them are what `n` = m gives.

    Raises
    ------
    ValueError
        If `n` is below 1 or nothing is found.
    """
    check_n(n)
    kept: list[NDArray[np.float64]] = []
    found = barren = 0
    while found < n:
        points = met(propose(), conditions)
        kept.append(points)
        found += len(points)
        barren = 0 if len(points) else barren + 1
        if barren == BARREN_CHUNKS:
            raise ValueError(f"{sought} among {BARREN_CHUNKS * CHUNK} points of {where}")
    return np.concatenate(kept)[:n]
