"""Country or continent of a point."""

import numpy as np
import xarray as xr

from earthdim.data.datasets import countries


class Country:
    """Classification of country or continent, as defined by `earthdim.data.datasets.countries`.

    Parameters
    ----------
    level : {"country", "continent"}
        The classes.
    """

    def __init__(self, level: str = "country"):
        countries.check_level(level)
        self.level = level

    def class_names(self, dataset: xr.Dataset) -> list[str]:
        """Return the names of the classes, by code."""
        return countries.class_names(dataset, self.level)

    def labels(self, lonlat: np.ndarray, dataset: xr.Dataset) -> np.ndarray:
        """Return codes at (n, 2) longitudes and latitudes, degrees: int64 (n,), -1 outside every land zone."""
        return countries.codes_at(lonlat, dataset, self.level)
