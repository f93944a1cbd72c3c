"""Countries with accurate borders: the polygons of time zones, each of which lies in one country."""

import numpy as np
import xarray as xr

from earthdim.data.datasets.geonames import continents
from earthdim.data.datasets.packaged import CONVENTIONS, package_file
from earthdim.geo import check_lonlat


def countries() -> xr.Dataset:
    """Countries and continents of time zones.

    The table of the tz database assigns one country to each zone, also for disputed borders. Zones that are not in the
    table belong to no country and are omitted.

    Returns
    -------
    Dataset
        Over the dimension zone: `country` and `continent`, int64 codes whose meanings are in `flag_meanings` (ISO 3166
        two-letter codes; GeoNames' continents). The attribute `zones` holds the names of the zones in the same order.
    """
    from earthdim import compiled

    lines = package_file("tzdata", "tzdata/zoneinfo/zone.tab").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    country_of = {row[2]: row[0] for row in rows}
    with compiled.load("timezonefinder", "TimezoneFinder")() as finder:
        zones = sorted(set(finder.timezone_names) & set(country_of))
    continent_of = continents()
    country = [country_of[zone] for zone in zones]
    return xr.Dataset(
        {
            "country": ("zone", *_codes(country, "country of the time zone")),
            "continent": (
                "zone",
                *_codes([continent_of[code] for code in country], "continent of the country"),
            ),
        },
        coords={"zone": ("zone", np.arange(len(zones)), {"long_name": "place in the attribute zones"})},
        attrs={"Conventions": CONVENTIONS, "zones": " ".join(zones)},
    )


def _codes(names: list[str], long_name: str) -> tuple[np.ndarray, dict]:
    meanings = sorted(set(names))
    codes = np.array([meanings.index(name) for name in names], dtype=np.int64)
    flags = {"flag_values": list(range(len(meanings))), "flag_meanings": " ".join(meanings)}
    return codes, {"long_name": long_name, "units": "1", **flags}


def zone_at(lonlat: np.ndarray) -> list[str]:
    """Name of the time zone on land at each of (n, 2) longitudes and latitudes, degrees; "" at sea."""
    from earthdim import compiled

    lon, lat = np.ascontiguousarray(check_lonlat(lonlat).T)
    with compiled.load("timezonefinder", "TimezoneFinder")() as finder:
        return [zone or "" for zone in finder.timezone_names_at_land(lngs=lon, lats=lat)]
