"""The country that a point lies in."""

import numpy as np
import xarray as xr

from earthdim.datasets.timezones import zone_at
from earthdim.geo import check_lonlat

TREATY_LATITUDE = -60.0
ANTARCTICA = {"country": "AQ", "continent": "AN"}


class Country:
    """A classification task: country, or continent, by the borders of time zones.

    South of 60 degrees S all land is Antarctica: there, time zones follow stations and claims, which the Antarctic
    Treaty holds in abeyance.

    Parameters
    ----------
    level : {"country", "continent"}
        What the classes are.

    References
    ----------
    The Antarctic Treaty (1959), articles IV and VI.
    """

    def __init__(self, level: str = "country"):
        if level not in ANTARCTICA:
            raise ValueError(f"level: {level!r} is neither country nor continent")
        self.level = level

    def class_names(self, dataset: xr.Dataset) -> list[str]:
        """Names of the classes, by code."""
        return dataset[self.level].attrs["flag_meanings"].split()

    def labels(self, lonlat: np.ndarray, dataset: xr.Dataset) -> np.ndarray:
        """Codes at (n, 2) longitudes and latitudes, degrees: int64 (n,), -1 outside every land zone."""
        code_of = dict(zip(dataset.attrs["zones"].split(), dataset[self.level].values.tolist(), strict=True))
        codes = np.array([code_of.get(zone, -1) for zone in zone_at(lonlat)], dtype=np.int64)
        antarctica = self.class_names(dataset).index(ANTARCTICA[self.level])
        return np.where(check_lonlat(lonlat)[:, 1] < TREATY_LATITUDE, antarctica, codes)
