"""Places of a user-supplied table."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earthdim.data.samples.domain import Condition, check_n, existing


def points(
    n: int,
    rng: np.random.Generator,
    is_land: Condition,
    path: str,
    longitude: str | None = None,
    latitude: str | None = None,
    features: str | Sequence[str] | None = None,
    no_data: float | str | Sequence[float | str] | None = None,
    dequantise: str | None = None,
    scales: str | None = None,
) -> NDArray[np.float64]:
    """Return the first `n` points of a table, in its order, at sea or on land.

    There is no randomness: all seeds give the same points.

    Parameters
    ----------
    n, rng, is_land
        See `earthdim.data.samples`; `rng` and `is_land` are not used.
    path : str
        A text, Parquet, GeoParquet, Arrow, NPZ or Zarr file, or a folder of Parquet parts.
    longitude, latitude : str, optional
        Its columns, degrees; by default found as in `earthdim.data.coordinate_tables.read`.
    features, no_data, dequantise, scales : optional
        As for `read`. With `no_data` or `dequantise`, only places whose features hold data are used.

    Raises
    ------
    ValueError
        If `n` is below 1 or above the number of rows, or the file does not hold coordinates.
    FileNotFoundError
        If the file does not exist.
    """
    from earthdim.data import coordinate_tables

    check_n(n)
    file = existing(path)
    if no_data is None and dequantise is None:
        lonlat = coordinate_tables.points(file, longitude, latitude)
    else:
        table = coordinate_tables.read(file, longitude, latitude, features, no_data, dequantise, scales)
        lonlat = table.lonlat
    if n > len(lonlat):
        raise ValueError(f"sample.n: {path} has {len(lonlat)} points, not {n}")
    return lonlat[:n]
