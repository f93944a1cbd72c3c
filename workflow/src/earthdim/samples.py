"""Coordinate sets drawn by area: the only sampler of each kind.

Every sampler is called as ``sampler(n, rng, is_land)``. The first m points of a draw are the draw of size m from
the same seed: proposals are drawn row by row, in chunks of a fixed size where some are rejected.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

CHUNK = 4096
BARREN_CHUNKS = 256
"""Chunks in a row without land (a million proposals) after which `is_land` is taken to be empty."""

IsLand = Callable[[NDArray[np.float64]], NDArray[np.bool_]]


def _proposals(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw points uniformly by area; latitudes stay off the poles, where longitude means nothing."""
    east, height = rng.random((size, 2)).T
    sine = np.clip(2 * height - 1, np.nextafter(-1, 0), np.nextafter(1, 0))
    return np.stack([360 * east - 180, np.degrees(np.arcsin(sine))], axis=1)


def _check_n(n: int) -> None:
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")


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
    return _proposals(n, rng)


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
    _check_n(n)
    kept: list[NDArray[np.float64]] = []
    found = barren = 0
    while found < n:
        proposals = _proposals(CHUNK, rng)
        kept.append(proposals[is_land(proposals)])
        found += len(kept[-1])
        barren = 0 if len(kept[-1]) else barren + 1
        if barren == BARREN_CHUNKS:
            raise ValueError(f"is_land: no land among {BARREN_CHUNKS * CHUNK} points of the globe")
    return np.concatenate(kept)[:n]
