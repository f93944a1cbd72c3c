"""Countries and continents by the borders of time zones.

South of 60 degrees S all land is assigned to Antarctica: time zones there follow stations and territorial claims, which
the Antarctic Treaty suspends.

References
----------
The Antarctic Treaty (1959), articles IV and VI.
"""

from typing import TYPE_CHECKING

import numpy as np

from earthdim.geo import check_lonlat

if TYPE_CHECKING:
    import xarray as xr

TREATY_LATITUDE = -60.0
"""Degrees; south of it all land is Antarctica."""

ANTARCTICA = {"country": "AQ", "continent": "AN"}
"""Level -> the code of Antarctica."""


def check_level(level: str) -> None:
    """Raise ValueError unless `level` is country or continent."""
    if level not in ANTARCTICA:
        raise ValueError(f"level: {level!r} is not country or continent")


def class_names(dataset: "xr.Dataset", level: str) -> list[str]:
    """Names of all countries or continents of the data set `countries`, by code."""
    return dataset[level].attrs["flag_meanings"].split()


def codes_at(lonlat: np.ndarray, dataset: "xr.Dataset", level: str) -> np.ndarray:
    """Codes at (n, 2) longitudes and latitudes, degrees: int64 (n,), -1 outside every land zone."""
    from earthdim.data.datasets.timezones import zone_at

    code_of = dict(zip(dataset.attrs["zones"].split(), dataset[level].values.tolist(), strict=True))
    codes = np.array([code_of.get(zone, -1) for zone in zone_at(lonlat)], dtype=np.int64)
    antarctica = class_names(dataset, level).index(ANTARCTICA[level])
    return np.where(check_lonlat(lonlat)[:, 1] < TREATY_LATITUDE, antarctica, codes)
