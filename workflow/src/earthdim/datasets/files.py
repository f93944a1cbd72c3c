"""A user's own raster, in any format that xarray opens with what is installed: Zarr, NetCDF 3."""

from pathlib import Path

import numpy as np
import xarray as xr

from earthdim.datasets.packaged import LAT, LON
from earthdim.datasets.raster import axis

NAMES = {"lat": ("lat", "latitude", "y"), "lon": ("lon", "longitude", "x")}
RANGES = {"lat": (-90, 90), "lon": (-180, 360)}


def raster_file(path: str, variable: str) -> xr.Dataset:
    """Read one variable of a raster file.

    Parameters
    ----------
    path : str
        A Zarr store or a NetCDF file on a regular grid of degrees.
    variable : str
        Its variable.

    Returns
    -------
    Dataset
        The variable over (..., lat, lon), both ascending, longitudes from -180 to 180.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be opened, lacks the variable, is not a regular grid of degrees, or holds values that are not
        finite.
    """
    dataset = _read(path, variable)
    for ours, known in NAMES.items():
        theirs = next((name for name in known if name in dataset[variable].dims), None)
        if theirs is None:
            raise ValueError(f"path: {path}: {variable} has none of the dimensions {', '.join(known)}")
        if theirs not in dataset.coords:
            raise ValueError(f"path: {path}: the dimension {theirs} has no coordinate")
        dataset = dataset.rename({theirs: ours}) if theirs != ours else dataset
        low, high = RANGES[ours]
        if not ((dataset[ours] >= low) & (dataset[ours] <= high)).all():
            raise ValueError(f"path: {path}: {theirs} is not in degrees from {low} to {high}")
    lon = (dataset["lon"].values + 180.0) % 360 - 180
    dataset = dataset.assign_coords(lon=("lon", lon, LON), lat=("lat", dataset["lat"].values, LAT))
    dataset = dataset.sortby(["lat", "lon"]).transpose(..., "lat", "lon")
    for name in NAMES:
        axis(dataset[variable], name)
    if not np.isfinite(dataset[variable].values).all():
        raise ValueError(f"path: {path}: {variable} holds values that are not finite; fill them first")
    return dataset


def _read(path: str, variable: str) -> xr.Dataset:
    """The variable in memory, without the file's way of packing it."""
    if not Path(path).exists():
        raise FileNotFoundError(f"path: {path} does not exist")
    try:
        opened = xr.open_zarr(path) if Path(path).is_dir() else xr.open_dataset(path)
    except (ValueError, OSError) as error:
        raise ValueError(
            f"path: {path} is no Zarr store or NetCDF file that can be read ({error})"
        ) from error
    with opened:
        if variable not in opened.data_vars:
            names = ", ".join(map(str, opened.data_vars))
            raise ValueError(f"variable: {path} has no {variable!r}; it has {names}")
        return opened[[variable]].load().drop_encoding()
