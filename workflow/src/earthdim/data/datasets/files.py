"""User-supplied rasters: Zarr stores and NetCDF files of format 3 (classic) and 4 (HDF5)."""

import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from earthdim.data.datasets.packaged import LAT, LON
from earthdim.data.datasets.raster import REGULARITY, axis, covers_all_longitudes
from earthdim.geo import ROUNDING

NAMES = {"lat": ("lat", "latitude", "y"), "lon": ("lon", "longitude", "x")}
RANGES = {"lat": (-90, 90), "lon": (-180, 360)}
UNITS = {"lat": "degrees_north", "lon": "degrees_east"}
# Errors of readers and codecs for truncated, foreign or unsupported files.
_UNREADABLE = (ValueError, OSError, IndexError, KeyError, TypeError, AssertionError, RuntimeError, zlib.error)
# First bytes of supported formats and xarray's engine, and first bytes of unsupported formats.
_ENGINES = {b"CDF\x01": "scipy", b"CDF\x02": "scipy", b"\x89HDF\r\n\x1a\n": "h5netcdf"}
_OTHERS = {
    b"CDF\x05": "NetCDF of the 64-bit data format (CDF-5)",
    b"GRIB": "GRIB",
    b"II*\x00": "a TIFF image",
    b"MM\x00*": "a TIFF image",
    b"II+\x00": "a TIFF image",
    b"\x0e\x03\x13\x01": "HDF4",
    b"PK": "a zip archive",
    b"\x1f\x8b": "compressed by gzip",
}
READ = "Zarr stores and NetCDF are supported"
# Largest difference of a repeated column, relative to the range of values.
_ALIKE = 1e-6
# Largest deviation of an axis from even spacing, in cells; Gaussian latitudes deviate by 0.02.
_DRIFT = 0.1


def raster_file(path: str, variable: str, fill_cells: int = 0) -> xr.Dataset:
    """Read one variable of a raster file.

    Axes are found by their names (lat, latitude, y; lon, longitude, x, in any case) or by their units, in any order
    and direction; longitudes are from -180 to 180 or from 0 to 360. Columns that repeat others 360 degrees away are
    dropped, and so are leading axes of length one.

    Parameters
    ----------
    path : str
        A Zarr store or a NetCDF file on a regular grid of degrees; the format is recognised by the first bytes.
    variable : str
        Name of the variable.
    fill_cells : int
        A cell without a value (NaN, or the file's fill value) takes the value of the nearest cell within this many
        cells. Cells farther away stay empty, and tasks reject points there. With 0 a raster with gaps is an error.

    Returns
    -------
    Dataset
        The variable over (..., lat, lon), both ascending, longitudes from -180 to 180; for a region across the date
        line they continue beyond 180.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it cannot be opened, lacks the variable, is not a regular grid of degrees, or holds values that are not
        finite.
    """
    if fill_cells < 0:
        raise ValueError(f"fill_cells: must be 0 or more, not {fill_cells}")
    with opened(path, variable) as found, _read_whole(path):
        dataset = found.load().drop_encoding()
    return _without_gaps(dataset, path, variable, fill_cells)


@contextmanager
def opened(path: str, variable: str) -> Iterator[xr.Dataset]:
    """Open a raster file and normalise its axes; of the values, only repeated columns are read.

    Parameters
    ----------
    path, variable : str
        As of `raster_file`.

    Yields
    ------
    Dataset
        As `raster_file` returns it, but not in memory, and values may be missing.

    Raises
    ------
    FileNotFoundError, ValueError
        As of `raster_file`.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"path: {path} does not exist")
    with _open(path) as file:
        if variable not in file.data_vars:
            names = ", ".join(map(str, file.data_vars)) or "none (variables in groups are not read)"
            raise ValueError(f"variable: {path} has no variable {variable!r}; it has {names}")
        if file[variable].dtype.kind not in "fiub":
            raise ValueError(f"path: {path}: {variable} is not numeric but holds {file[variable].dtype}")
        dataset = file[[variable]]
        dataset = dataset.rename({_dimension(dataset, variable, path, ours): ours for ours in NAMES})
        # Scalar and two-dimensional coordinates are not needed.
        dataset = dataset.reset_coords(drop=True)
        single = [name for name, size in dataset[variable].sizes.items() if size == 1 and name not in NAMES]
        dataset = _ascending(dataset.squeeze(single, drop=True), path, variable)
        try:
            for name in NAMES:
                axis(dataset[variable], name)
        except ValueError as error:
            raise ValueError(f"path: {path}: {error}") from error
        yield dataset


def _open(path: str) -> xr.Dataset:
    # Times are not decoded: they are not needed, and many files encode them in unsupported ways.
    if Path(path).is_dir():
        with _read_whole(path):
            return xr.open_zarr(path, decode_times=False)
    with Path(path).open("rb") as stream:
        first = stream.read(8)
    for begins, what in _OTHERS.items():
        if first.startswith(begins):
            raise ValueError(
                f"path: {path} is {what}; {READ}: convert it, for example with xarray's to_netcdf or 'gdal_translate "
                f"-of netCDF {Path(path).name} raster.nc'"
            )
    engine = next((engine for begins, engine in _ENGINES.items() if first.startswith(begins)), None)
    if engine is None:
        raise ValueError(f"path: {path} is not a Zarr store or NetCDF file, by its first bytes")
    with _read_whole(path, "NetCDF 4 (HDF5)" if engine == "h5netcdf" else "NetCDF"):
        return xr.open_dataset(path, engine=engine, decode_times=False, cache=False)


@contextmanager
def _read_whole(path: str, kind: str = "Zarr store or NetCDF") -> Iterator[None]:
    """Convert errors of readers about damaged files or missing packages to a ValueError of one line."""
    if kind.startswith("NetCDF 4"):
        _check_package(path)
    try:
        yield
    except _UNREADABLE as error:
        reason = " ".join(str(error).partition(". ")[0].split())
        raise ValueError(
            f"path: {path} cannot be read as {kind} ({reason}); fetch it again, or convert it to Zarr or NetCDF 3"
        ) from error


def _check_package(path: str) -> None:
    from importlib.util import find_spec

    missing = [name for name in ("h5netcdf", "h5py") if find_spec(name) is None]
    if missing:
        raise ValueError(
            f"path: {path} is NetCDF 4 (HDF5), which needs the package {missing[0]}: install it, or convert the file "
            "to Zarr or NetCDF 3"
        )


def _dimension(dataset: xr.Dataset, variable: str, path: str, ours: str) -> str:
    """Name of the dimension of latitudes or longitudes."""
    dims = dataset[variable].dims
    known = NAMES[ours]
    found = [dim for name in known for dim in dims if str(dim).lower() == name]
    found += [dim for dim in dims if dim in dataset.coords and dataset[dim].attrs.get("units") == UNITS[ours]]
    if not found:
        curved = [name for name in dataset.coords if dataset[name].ndim == 2]
        if curved:
            raise ValueError(
                f"path: {path}: {curved[0]} has two axes; only grids with one latitude per row are supported"
            )
        raise ValueError(
            f"path: {path}: {variable} has no dimension with coordinates named {' or '.join(known)}; it has "
            f"{', '.join(map(str, dims)) or 'no dimensions'}"
        )
    if found[0] not in dataset.coords:
        raise ValueError(
            f"path: {path}: the dimension {found[0]} has no coordinate: {variable} has no dimension with coordinates "
            f"named {' or '.join(known)}"
        )
    low, high = RANGES[ours]
    values = dataset[found[0]].values
    within = values.dtype.kind in "fiu" and (values >= low - ROUNDING) & (values <= high + ROUNDING)
    if not np.all(within):
        raise ValueError(f"path: {path}: {found[0]} is not in degrees from {low} to {high}")
    return str(found[0])


def _ascending(dataset: xr.Dataset, path: str, variable: str) -> xr.Dataset:
    """Make latitudes and longitudes ascending, unique and evenly spaced."""
    dataset = dataset.assign_coords(lat=dataset["lat"].astype(np.float64).clip(-90, 90))
    dataset = _each_once(dataset.sortby(["lat", "lon"]), path, variable)
    lon = _turned(dataset["lon"].values.astype(np.float64))
    dataset = dataset.assign_coords(lon=("lon", lon)).sortby("lon").transpose(..., "lat", "lon")
    rows, columns = (_spaced_evenly(dataset[name].values, path, name) for name in NAMES)
    return dataset.assign_coords(lat=("lat", rows, LAT), lon=("lon", columns, LON))


def _turned(lon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Longitudes from -180 to below 180, or beyond 180 for a region across the date line."""
    turned = (lon + 180.0) % 360 - 180
    turned[turned > 180 - ROUNDING] -= 360
    if turned.size < 2:
        return turned
    order = np.sort(turned)
    inside, outside = np.diff(order), order[0] + 360 - order[-1]
    widest = np.argmax(inside)
    return (
        np.where(turned <= order[widest], turned + 360, turned)
        if inside[widest] > outside + ROUNDING
        else turned
    )


def _spaced_evenly(centres: NDArray[np.float64], path: str, name: str) -> NDArray[np.float64]:
    """Evenly spaced centres, if the stored ones deviate from that by less than a tenth of a cell through rounding."""
    if centres.size < 2:
        return centres
    step, limit = (centres[-1] - centres[0]) / (centres.size - 1), _DRIFT
    if name == "lon" and _goes_round(centres):
        # Around the globe the spacing is known, and sums in single precision lose half a rounding per column.
        step = 360 / centres.size
        limit = min(0.4, centres.size * ROUNDING / 2 / step)
    regular = centres[0] + step * np.arange(centres.size)
    off = np.abs(centres - regular).max() / step if step > 0 else np.inf
    if not REGULARITY < off < limit:
        return centres
    warnings.warn(
        f"{path}: {name} is evenly spaced only to {off:.2g} of a cell; it is read as evenly spaced",
        stacklevel=2,
    )
    return regular


def _each_once(dataset: xr.Dataset, path: str, variable: str) -> xr.Dataset:
    """Drop columns at the end that repeat those at the start, which some programs add to avoid gaps in maps."""
    lon = dataset["lon"].values.astype(np.float64)
    extra = int(np.count_nonzero(lon - lon[0] > 360 - ROUNDING)) if lon.size else 0
    if not extra:
        return dataset
    with _read_whole(path):
        first = dataset[variable].isel(lon=slice(0, extra)).transpose(..., "lon").values.astype(np.float64)
        last = dataset[variable].isel(lon=slice(-extra, None)).transpose(..., "lon").values.astype(np.float64)
    same = f"longitudes {lon[0]:g} and {lon[-extra]:g} are the same place, but {variable} differs there"
    if np.abs(lon[-extra:] - lon[:extra] - 360).max() > ROUNDING:
        raise ValueError(
            f"path: {path}: longitudes {lon[0]:g} to {lon[-1]:g} overlap, but not column by column"
        )
    scale = np.nanmax(np.abs(first), initial=0)
    if not np.allclose(first, last, rtol=0, atol=_ALIKE * scale, equal_nan=True):
        # If both 0 and 360 were included by mistake, columns are farther apart than rows.
        if not np.isclose(np.median(np.diff(lon)), np.median(np.diff(dataset["lat"])), rtol=1e-3):
            raise ValueError(
                f"path: {path}: {same}; drop one of the columns, or compute the spacing without the last one"
            )
        warnings.warn(f"{path}: {same}; the values at {lon[-extra]:g} are dropped", stacklevel=2)
    return dataset.isel(lon=slice(0, -extra))


def _without_gaps(dataset: xr.Dataset, path: str, variable: str, fill_cells: int) -> xr.Dataset:
    """Fill gaps within `fill_cells` cells of a value; raise ValueError for infinite values, or for gaps if it is 0."""
    values = dataset[variable].values
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise ValueError(f"path: {path}: {variable} holds values that are not finite; fill them first")
    gaps = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, dtype=bool)
    if not gaps.any():
        return dataset
    if not fill_cells:
        raise ValueError(
            f"path: {path}: {variable} holds values that are not finite, in {np.count_nonzero(gaps)} of {gaps.size} "
            "cells (NaN, or its fill value: often the sea); fill them first, or set fill_cells: 3 to fill cells within "
            "3 cells of a value from the nearest one"
        )
    grids = values.reshape(-1, *values.shape[-2:])
    round_the_globe = covers_all_longitudes(axis(dataset[variable], "lon"))
    filled = np.stack([_filled(grid, fill_cells, round_the_globe) for grid in grids]).reshape(values.shape)
    return dataset.assign({variable: dataset[variable].copy(data=filled)})


def _goes_round(lon: NDArray[np.float64]) -> bool:
    step = (lon[-1] - lon[0]) / (lon.size - 1)
    return bool(abs(lon.size * step - 360) < 0.5 * step)


def _filled(grid: NDArray, fill_cells: int, round_the_globe: bool) -> NDArray:
    """Fill gaps of a grid (lat, lon) within `fill_cells` cells of a value with the nearest value."""
    from scipy.ndimage import distance_transform_edt

    gaps = np.isnan(grid)
    if gaps.all():
        return grid
    beyond = min(fill_cells, grid.shape[1]) if round_the_globe else 0
    wide = np.pad(grid, ((0, 0), (beyond, beyond)), mode="wrap") if beyond else grid
    distance, (row, column) = distance_transform_edt(np.isnan(wide), return_indices=True)
    near = np.where(distance <= fill_cells, wide[row, column], wide)
    return near[:, beyond : near.shape[1] - beyond]
