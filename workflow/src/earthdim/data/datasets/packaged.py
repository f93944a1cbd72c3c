"""Data files of installed packages, and rasters built from them."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import xarray as xr

CONVENTIONS = "CF-1.11"
LAT = {"units": "degrees_north", "standard_name": "latitude"}
LON = {"units": "degrees_east", "standard_name": "longitude"}


def package_file(package: str, file: str) -> Path:
    """Path of a data file of an installed package.

    Raises
    ------
    FileNotFoundError
        If the package is not installed or has no such file.
    """
    try:
        path = Path(str(distribution(package).locate_file(file)))
    except PackageNotFoundError as error:
        raise FileNotFoundError(f"the package {package}, which contains {file}, is not installed") from error
    if not path.is_file():
        raise FileNotFoundError(f"the installed package {package} has no file {file}")
    return path


def centres(low: float, high: float, size: int) -> np.ndarray:
    """Centres of `size` equal cells between two edges, degrees."""
    return low + (np.arange(size) + 0.5) * (high - low) / size


def raster(
    values: np.ndarray, name: str, attributes: dict[str, str], lat: np.ndarray, lon: np.ndarray, *leading: str
) -> xr.Dataset:
    """Build a raster with CF coordinates.

    Parameters
    ----------
    values : ndarray (..., lat, lon)
        Rows from south to north.
    name : str
        Name of the variable.
    attributes : dict
        CF attributes of the variable.
    lat, lon : ndarray
        Ascending, degrees.
    *leading : str
        Names of the dimensions before latitude and longitude.
    """
    return xr.Dataset(
        {name: ((*leading, "lat", "lon"), values, attributes)},
        coords={
            "lat": ("lat", lat, LAT),
            "lon": ("lon", lon, LON),
        },
        attrs={"Conventions": CONVENTIONS},
    )
