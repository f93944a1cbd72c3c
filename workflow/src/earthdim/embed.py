"""Embeddings of a point set, with live progress."""

from collections.abc import Callable

import numpy as np

from earthdim.encoders import LocationEncoder

# A line of progress every so many points; rounded to whole batches.
PROGRESS = 50_000


def embed(
    encoder: LocationEncoder,
    lonlat: np.ndarray,
    batch: int = 4096,
    log: Callable[[str], object] = lambda line: None,
) -> np.ndarray:
    """Embed points, some batches at a time.

    Parameters
    ----------
    encoder : LocationEncoder
        Read in evaluation mode.
    lonlat : ndarray (n, 2)
        Longitude and latitude, degrees; n at least 1.
    batch : int
        How many points the network sees at once.
    log : callable
        Takes a line of text each time another part of a large point set is done.

    Returns
    -------
    embeddings : float32 ndarray (n, encoder.ambient_dim)

    Raises
    ------
    ValueError
        If there are no points, they are not longitudes and latitudes, or `batch` is not positive.
    FloatingPointError
        If an embedding is not finite.
    """
    if len(lonlat) == 0:
        raise ValueError("n: a point set needs at least one point")
    if batch < 1:
        raise ValueError(f"batch must be positive, not {batch}")
    embeddings = np.empty((len(lonlat), encoder.ambient_dim), dtype=np.float32)
    part = max(PROGRESS // batch, 1) * batch
    for start in range(0, len(lonlat), part):
        stop = min(start + part, len(lonlat))
        embeddings[start:stop] = encoder.embed(lonlat[start:stop], batch)
        log(f"embedded {stop:,} of {len(lonlat):,} points")
    return embeddings
