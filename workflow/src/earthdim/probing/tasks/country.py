"""The country that a point lies in."""

import numpy as np
import xarray as xr

from earthdim.data.datasets import countries


class Country:
    """A classification task: country, or continent, as `earthdim.data.datasets.countries` has them.

    Parameters
    ----------
    level : {"country", "continent"}
        What the classes are.
    """

    def __init__(self, level: str = "country"):
        countries.check_level(level)
        self.level = level

    def class_names(self, dataset: xr.Dataset) -> list[str]:
        """Names of the classes, by code."""
        return countries.class_names(dataset, self.level)

    def labels(self, lonlat: np.ndarray, dataset: xr.Dataset) -> np.ndarray:
        """Codes at (n, 2) longitudes and latitudes, degrees: int64 (n,), -1 outside every land zone."""
        return countries.codes_at(lonlat, dataset, self.level)
