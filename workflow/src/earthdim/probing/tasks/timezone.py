"""Time zone of a point."""

import numpy as np
import xarray as xr

from earthdim.data.datasets.countries import TREATY_LATITUDE
from earthdim.geo import check_lonlat


class TimeZone:
    """Classification of the offset from universal time, as defined by `earthdim.data.datasets.offsets`.

    Zones of one offset form one class: most of the several hundred zones are too small to have labels in every fold,
    and many equal a country. South of 60 degrees S there is no label, because zones there follow stations.
    """

    def class_names(self, dataset: xr.Dataset) -> list[str]:
        """Return the names of the classes, by code."""
        return dataset["offset"].attrs["flag_meanings"].split()

    def labels(self, lonlat: np.ndarray, dataset: xr.Dataset) -> np.ndarray:
        """Return codes at (n, 2) longitudes and latitudes, degrees: int64 (n,), -1 outside every land zone."""
        from earthdim.data.datasets.timezones import zone_at

        code_of = dict(zip(dataset.attrs["zones"].split(), dataset["offset"].values.tolist(), strict=True))
        codes = np.array([code_of.get(zone, -1) for zone in zone_at(lonlat)], dtype=np.int64)
        return np.where(check_lonlat(lonlat)[:, 1] < TREATY_LATITUDE, -1, codes)
