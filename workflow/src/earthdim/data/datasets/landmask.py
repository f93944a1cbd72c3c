"""Land and sea at 1 km, from the package global_land_mask."""

from collections.abc import Callable

import numpy as np
import xarray as xr

from earthdim.data.datasets.packaged import centres, package_file, raster
from earthdim.data.datasets.raster import sample_raster


def land_mask() -> xr.Dataset:
    """Land mask from NOAA's GLOBE elevation model, 30 arc-seconds; lakes count as land.

    Returns
    -------
    Dataset
        `land` (lat, lon), bool, true on land.
    """
    file = "global_land_mask/globe_combined_mask_compressed.npz"
    with np.load(package_file("global-land-mask", file)) as archive:
        # The package's mask is true over the ocean, with rows from north to south.
        land = ~archive["mask"][::-1]
    rows, columns = land.shape
    attributes = {"standard_name": "land_binary_mask", "units": "1"}
    return raster(land, "land", attributes, centres(-90, 90, rows), centres(-180, 180, columns))


def is_land(mask: xr.Dataset) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that maps (n, 2) longitudes and latitudes (degrees) to whether they lie on land."""
    return lambda lonlat: sample_raster(mask["land"], lonlat, "nearest").astype(bool)
