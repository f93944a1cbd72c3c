"""Shared parts of the samplers: conditions on points, the equal-area map, and rejection sampling."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CHUNK = 4096
BARREN_CHUNKS = 256
"""Number of consecutive chunks without an accepted point (a million proposals) after which sampling fails."""

Condition = Callable[[NDArray[np.float64]], NDArray[np.bool_]]
"""Maps (m, 2) longitudes and latitudes, degrees, to m booleans."""


class Box(NamedTuple):
    """The area between two parallels and two meridians, degrees.

    It extends `width` degrees eastwards from the meridian `west`, across the date line if necessary.
    """

    west: float
    width: float
    south: float
    north: float


GLOBE = Box(-180.0, 360.0, -90.0, 90.0)


def check_n(n: int) -> None:
    """Raise ValueError unless `n` is at least 1."""
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")


def existing(path: str) -> str:
    """Return the path of a sample's file; raise FileNotFoundError if it does not exist."""
    if not Path(path).exists():
        raise FileNotFoundError(f"sample.path: {path} does not exist")
    return path


def ground(over: str, is_land: Condition) -> tuple[Condition, ...]:
    """Return the conditions for points over land (one), or over the globe (none).

    Raises
    ------
    ValueError
        If `over` is neither "land" nor "globe".
    """
    if over not in ("land", "globe"):
        raise ValueError(f"over: {over!r} is not land or globe")
    return (is_land,) if over == "land" else ()


def met(points: NDArray[np.float64], conditions: tuple[Condition, ...]) -> NDArray[np.float64]:
    """Return the points, (m, 2) degrees, that meet all conditions, evaluated in order (cheapest first)."""
    for condition in conditions:
        if len(points):
            points = points[condition(points)]
    return points


def equal_area(unit: NDArray[np.float64], box: Box = GLOBE) -> NDArray[np.float64]:
    """Map the unit square to a box, preserving relative areas.

    The area of a zone of the sphere is proportional to its height (Archimedes), so a uniform sine of latitude is
    uniform by area.

    Parameters
    ----------
    unit : ndarray, shape (m, 2)
        Numbers in [0, 1): the fractions of the box's width and of its height along the axis of the Earth.
    box : Box
        Target area; its edges may be arrays of length m, one box per point.

    Returns
    -------
    ndarray of float64, shape (m, 2)
        Longitude and latitude, degrees; never a pole.
    """
    east, height = unit.T
    longitude = box.west + box.width * east
    longitude = np.where(longitude >= 180, longitude - 360, longitude)
    low, high = np.sin(np.radians((box.south, box.north)))
    sine = np.clip(low + (high - low) * height, np.nextafter(-1, 0), np.nextafter(1, 0))
    return np.stack([longitude, np.degrees(np.arcsin(sine))], axis=1)


def in_box(box: Box, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw points uniformly by area, row by row, so that a larger sample starts with the smaller one."""
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
        Returns the next chunk of at most `CHUNK` points; its size does not depend on `n`.
    conditions : tuple of callable
        Conditions on accepted points, cheapest first.
    where, sought : str
        For the message: the area of the proposals, and what was not found there.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Longitude and latitude, degrees. The first m equal the result for `n` = m.

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
