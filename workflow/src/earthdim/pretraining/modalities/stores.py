"""Features of one source at a point set, as a store."""

from collections.abc import Mapping
from typing import Any

import xarray as xr

from earthdim.build import build
from earthdim.storage.stores import lonlat


def features_store(config: Mapping[str, Any], points: xr.Dataset, dataset: xr.Dataset) -> xr.Dataset:
    """Compute the features of a source.

    Parameters
    ----------
    config : mapping
        name of the source, and source, its leaf.
    points : Dataset
        A store of the kind `points`.
    dataset : Dataset
        The data set that the source reads.

    Returns
    -------
    Dataset
        A store of the kind `features`: feature (n, width).
    """
    values = build(config["source"]).features(dataset, lonlat(points))
    features = xr.Dataset({"feature": (("point", "width"), values)}, coords={"point": points["point"]})
    features.attrs["source"] = config["name"]
    return features
