"""Places of a table of one's own."""

import numpy as np
from numpy.typing import NDArray

from earthdim.samples.domain import Condition, check_n, existing


def points(
    n: int,
    rng: np.random.Generator,
    is_land: Condition,
    path: str,
    longitude: str | None = None,
    latitude: str | None = None,
) -> NDArray[np.float64]:
    """Take the first `n` points of a table, in its order, at sea or on land.

    Nothing is drawn: all seeds give the same points. The first m points are what `n` = m gives.

    Parameters
    ----------
    n : int
        Number of points, at most the number of rows.
    rng : numpy.random.Generator
        Not used; samplers are all called alike.
    is_land : callable
        Not used.
    path : str
        A text, Parquet, GeoParquet, Arrow, NPZ or Zarr file, or a folder of Parquet parts.
    longitude, latitude : str, optional
        Its columns, degrees; without them, as `earthdim.coordinate_tables.read` finds them.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Longitude and latitude, degrees.

    Raises
    ------
    ValueError
        If `n` is below 1 or above the number of rows, or the file does not hold coordinates.
    FileNotFoundError
        If there is no such file.
    """
    from earthdim import coordinate_tables

    check_n(n)
    lonlat = coordinate_tables.points(existing(path), longitude, latitude)
    if n > len(lonlat):
        raise ValueError(f"sample.n: {path} has {len(lonlat)} points, not {n}")
    return lonlat[:n]
