"""Embeddings of an encoder at one point set, as a store."""

import xarray as xr

from earthdim.encoders.location import LocationEncoder
from earthdim.storage.stores import lonlat


def embeddings_store(encoder: LocationEncoder, points: xr.Dataset) -> xr.Dataset:
    """Embed a point set.

    Parameters
    ----------
    encoder : LocationEncoder
        In evaluation mode, with its weights.
    points : Dataset
        A store of the kind `points`.

    Returns
    -------
    Dataset
        The points with the variable embedding (n, d), without attributes.
    """
    embedding = encoder.embed(lonlat(points))
    embeddings = points.assign(embedding=(("point", "feature"), embedding))
    embeddings.attrs = {}
    return embeddings
