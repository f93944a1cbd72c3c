"""A user's own raster, in any format that xarray opens with what is installed: Zarr, NetCDF 3."""

from pathlib import Path

import numpy as np
import xarray as xr

from earthdim.datasets.raster import axis

NAMES = {"lat": ("lat", "latitude", "y"), "lon": ("lon", "longitude", "x")}


def raster_file(path: str, variable: str) -> xr.Dataset:
    """Open one variable of a raster file.

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
        If it cannot be opened, lacks the variable, is not a regular grid, or holds values that are not finite.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"path: {path} does not exist")
    opened = xr.open_zarr(path) if Path(path).is_dir() else xr.open_dataset(path)
    if variable not in opened:
        raise ValueError(
            f"variable: {path} has no {variable!r}; it has {', '.join(map(str, opened.data_vars))}"
        )
    dataset = opened[[variable]].load()
    for ours, known in NAMES.items():
        theirs = next((name for name in known if name in dataset[variable].dims), None)
        if theirs is None:
            raise ValueError(f"path: {path}: {variable} has none of the dimensions {', '.join(known)}")
        dataset = dataset.rename({theirs: ours}) if theirs != ours else dataset
    dataset = dataset.assign_coords(lon=(dataset["lon"] + 180) % 360 - 180).sortby(["lat", "lon"])
    for name in NAMES:
        axis(dataset[variable], name)
    if not np.isfinite(dataset[variable].values).all():
        raise ValueError(f"path: {path}: {variable} holds values that are not finite; fill them first")
    return dataset.transpose(..., "lat", "lon")
