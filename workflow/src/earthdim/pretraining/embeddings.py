"""Embeddings of one variant at one point set, as a store."""

from collections.abc import Mapping
from typing import Any

import xarray as xr
from torch import Tensor

from earthdim.pretraining.weights import restore_encoder
from earthdim.storage.stores import lonlat


def embeddings_store(
    config: Mapping[str, Any], state: Mapping[str, Tensor], points: xr.Dataset
) -> xr.Dataset:
    """Embed a point set.

    Parameters
    ----------
    config : mapping
        Configuration of the variant's encoder; see `earthdim.pretraining.weights.initial_encoder`.
    state : mapping of Tensor
        Its checkpoint.
    points : Dataset
        A store of the kind `points`.

    Returns
    -------
    Dataset
        The points with the variable embedding (n, d), without attributes.
    """
    embedding = restore_encoder(config, state).embed(lonlat(points))
    embeddings = points.assign(embedding=(("point", "feature"), embedding))
    embeddings.attrs = {}
    return embeddings
