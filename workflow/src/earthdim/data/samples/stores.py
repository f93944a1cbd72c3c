"""One replicate of a sample, as a store of points."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from earthdim.build import build
from earthdim.data.datasets.landmask import is_land


def points_store(
    config: Mapping[str, Any], land: xr.Dataset, regions: xr.Dataset | None = None
) -> xr.Dataset:
    """Draw a point set.

    Parameters
    ----------
    config : mapping
        A leaf of config/sample with the number of the replicate. Seed and replicate determine the points.
    land : Dataset
        The data set of the land mask.
    regions : Dataset, optional
        The data set in which `build.inside` of the config looks up its region.

    Returns
    -------
    Dataset
        A store of the kind `points`: lon and lat in degrees.
    """
    sampler = dict(config["build"])
    if "inside" in sampler:
        sampler["inside"] = build(sampler["inside"], dataset=regions)
    rng = np.random.default_rng([config["seed"], config["replicate"]])
    lonlat = build(sampler, n=config["n"], rng=rng, is_land=is_land(land))
    return xr.Dataset(
        {
            "lon": ("point", lonlat[:, 0], {"units": "degrees_east", "standard_name": "longitude"}),
            "lat": ("point", lonlat[:, 1], {"units": "degrees_north", "standard_name": "latitude"}),
        },
        coords={"point": ("point", np.arange(len(lonlat)), {"long_name": "place in the draw"})},
    )
