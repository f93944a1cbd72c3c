"""Offsets of time zones from universal time."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import xarray as xr

from earthdim.data.datasets.packaged import CONVENTIONS, package_file

YEAR = 2025
"""Year whose rules define the offsets."""
WINTERS = (datetime(YEAR, 1, 1), datetime(YEAR, 7, 1))


def utc_offsets() -> xr.Dataset:
    """Offset of each time zone on land, without summer time: the smaller of those in January and in July.

    Zones named by an offset (Etc/GMT+5) cover the sea and are omitted.

    Returns
    -------
    Dataset
        Over the dimension zone: `offset`, int64 codes whose meanings are in `flag_meanings` (such as UTC+05:30), from
        west to east. The attribute `zones` holds the names of the zones in the same order.
    """
    from earthdim import compiled

    with compiled.load("timezonefinder", "TimezoneFinder")() as finder:
        zones = sorted(zone for zone in set(finder.timezone_names) if not zone.startswith("Etc/"))
    minutes = [_minutes(zone) for zone in zones]
    known = sorted(set(minutes))
    flags = {
        "flag_values": list(range(len(known))),
        "flag_meanings": " ".join(_name(offset) for offset in known),
    }
    codes = np.array([known.index(offset) for offset in minutes], dtype=np.int64)
    about = {"long_name": "offset from universal time, without summer time", "units": "1", **flags}
    return xr.Dataset(
        {"offset": ("zone", codes, about)},
        coords={"zone": ("zone", np.arange(len(zones)), {"long_name": "place in the attribute zones"})},
        attrs={"Conventions": CONVENTIONS, "zones": " ".join(zones)},
    )


def _minutes(zone: str) -> int:
    # From the package, since zoneinfo would prefer the files of the operating system.
    with package_file("tzdata", f"tzdata/zoneinfo/{zone}").open("rb") as file:
        rules = ZoneInfo.from_file(file, key=zone)
    return min(round(rules.utcoffset(day).total_seconds() / 60) for day in WINTERS)


def _name(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"
