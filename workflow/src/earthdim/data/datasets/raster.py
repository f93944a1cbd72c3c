"""Sampling of rasters on regular longitude-latitude grids."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from earthdim.geo import check_lonlat

# Tolerance of even spacing, in cells: axes stored as float32 are even only up to rounding.
REGULARITY = 0.01


class NoValueError(ValueError):
    """A raster has no value at some points.

    Attributes
    ----------
    points : int
        Number of these points.
    """

    def __init__(self, message: str, points: int) -> None:
        super().__init__(message)
        self.points = points


class Axis(NamedTuple):
    """A regular axis of cell centres: first centre and spacing, degrees, and number of cells."""

    start: float
    step: float
    size: int

    def position(self, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return fractional indices: 0 at the first centre, 1 at the second."""
        return (degrees - self.start) / self.step


def axis(raster: xr.DataArray, name: str) -> Axis:
    """Return the axis `name` of a raster.

    Raises
    ------
    ValueError
        If the raster lacks that coordinate, or it is not ascending and evenly spaced.
    """
    if name not in raster.coords or raster.coords[name].dims != (name,) or raster.sizes[name] < 2:
        raise ValueError(f"raster {raster.name!r} needs a coordinate {name!r} of at least two cell centres")
    centres = np.asarray(raster.coords[name].values, dtype=np.float64)
    step = (centres[-1] - centres[0]) / (centres.size - 1)
    regular = centres[0] + step * np.arange(centres.size)
    if not step > 0 or not np.all(np.abs(centres - regular) <= REGULARITY * step):
        raise ValueError(
            f"raster {raster.name!r}: the coordinate {name!r} must be ascending and evenly spaced"
        )
    return Axis(float(centres[0]), float(step), centres.size)


def covers_all_longitudes(lon: Axis) -> bool:
    """Whether an axis covers 360 degrees, so that its last cell is adjacent to its first."""
    return abs(lon.size * lon.step - 360) < 0.5 * lon.step


def columns_at(lon: Axis, degrees: ArrayLike) -> NDArray[np.float64]:
    """Return fractional indices of longitudes; for a regional axis they are first shifted by multiples of 360."""
    degrees = np.asarray(degrees, dtype=np.float64)
    if not covers_all_longitudes(lon):
        middle = lon.start + lon.step * (lon.size - 1) / 2
        degrees = degrees + 360 * np.round((middle - degrees) / 360)
    return lon.position(degrees)


def sample_raster(
    raster: xr.DataArray, lonlat: ArrayLike, method: Literal["nearest", "bilinear"] = "nearest"
) -> NDArray:
    """Sample a raster at points.

    Parameters
    ----------
    raster : DataArray, dims (..., lat, lon)
        Cell centres, ascending and evenly spaced. A raster of all longitudes wraps at the date line.
    lonlat : array_like, shape (n, 2)
        Longitude and latitude, degrees.
    method : {"nearest", "bilinear"}
        The cell that contains the point, or bilinear interpolation between the four nearest centres. Beyond the last
        centre towards a pole or the edge of a regional raster, the value of the last centre is used.

    Returns
    -------
    ndarray, shape (..., n)
        In the raster's type for "nearest", in floating point for "bilinear".

    Raises
    ------
    ValueError
        If the raster's dims or axes are not as above, a point lies outside its cells, or `method` is unknown.
    """
    if raster.dims[-2:] != ("lat", "lon"):
        raise ValueError(f"raster {raster.name!r} must end in the dims lat, lon, not {raster.dims}")
    if method not in ("nearest", "bilinear"):
        raise ValueError(f"method must be 'nearest' or 'bilinear', not {method!r}")
    lat, lon = axis(raster, "lat"), axis(raster, "lon")
    longitudes, latitudes = check_lonlat(lonlat).T
    row, column = lat.position(latitudes), columns_at(lon, longitudes)
    if not covers_all_longitudes(lon):
        _require_inside(raster, column, lon, "longitudes")
    _require_inside(raster, row, lat, "latitudes")

    cells = raster.values.reshape(*raster.shape[:-2], lat.size * lon.size)
    if method == "nearest":
        return cells[..., _flat(np.floor(row + 0.5), np.floor(column + 0.5), lat, lon)]
    return _bilinear(cells, row, column, lat, lon)


def _require_inside(raster: xr.DataArray, position: NDArray[np.float64], line: Axis, what: str) -> None:
    # A cell extends half a spacing from its centre; REGULARITY allows for rounding of stored coordinates.
    margin = 0.5 + REGULARITY
    outside = np.count_nonzero((position < -margin) | (position > line.size - 1 + margin))
    if outside:
        raise NoValueError(
            f"{outside} of {position.size} {what} lie outside the raster {raster.name!r}", int(outside)
        )


def _flat(row: NDArray, column: NDArray, lat: Axis, lon: Axis) -> NDArray[np.int64]:
    """Indices into the flattened grid for integer rows (clamped) and columns (wrapped or clamped)."""
    rows = np.clip(row, 0, lat.size - 1).astype(np.int64)
    if covers_all_longitudes(lon):
        columns = column.astype(np.int64) % lon.size
    else:
        columns = np.clip(column, 0, lon.size - 1).astype(np.int64)
    return rows * lon.size + columns


def _bilinear(cells: NDArray, row: NDArray, column: NDArray, lat: Axis, lon: Axis) -> NDArray:
    dtype = np.result_type(cells.dtype, np.float32)
    row = np.clip(row, 0, lat.size - 1)
    if not covers_all_longitudes(lon):
        column = np.clip(column, 0, lon.size - 1)
    south, west = np.floor(row), np.floor(column)
    up, right = (row - south).astype(dtype), (column - west).astype(dtype)
    low = cells[..., _flat(south, west, lat, lon)] * (1 - right)
    low += cells[..., _flat(south, west + 1, lat, lon)] * right
    high = cells[..., _flat(south + 1, west, lat, lon)] * (1 - right)
    high += cells[..., _flat(south + 1, west + 1, lat, lon)] * right
    return low * (1 - up) + high * up


def flags(raster: xr.DataArray, without: Sequence[str] = ()) -> dict[str, int]:
    """Return the classes of a raster of flags.

    Parameters
    ----------
    raster : DataArray
        With the CF attributes `flag_values` and `flag_meanings`.
    without : sequence of str
        Names of flags that are not classes, such as the sea.

    Returns
    -------
    dict
        Name -> flag, in the raster's order.

    Raises
    ------
    ValueError
        If the raster has no flags, or a name in `without` is not one of them.
    """
    names = raster.attrs.get("flag_meanings", "").split()
    if not names:
        raise ValueError(f"variable: {raster.name} has no attribute flag_meanings")
    unknown = sorted(set(without) - set(names))
    if unknown:
        raise ValueError(f"without: {unknown[0]!r} is not one of {', '.join(names)}")
    found = zip(names, raster.attrs["flag_values"], strict=True)
    return {name: int(flag) for name, flag in found if name not in without}
