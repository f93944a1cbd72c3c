"""How the dimension of one embedding depends on the number of points and on the size of neighbourhoods."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from earthdim.estimation.measure import measure_embedding, with_radius
from earthdim.estimation.neighbours import knn
from earthdim.geo import check_lonlat
from earthdim.storage import stores
from earthdim.storage.schema import DETAILS, INTERVAL, MEASURE

COLUMNS = ("n", *MEASURE, *INTERVAL, "neighbour_radius_km", *DETAILS)


def scale_rows(embeddings: xr.Dataset, config: Mapping[str, Any]) -> pd.DataFrame:
    """Measure a store of embeddings at several numbers of points.

    Parameters
    ----------
    embeddings : Dataset
        A store of the kind `embeddings`; its attributes name the variant and the point set.
    config : mapping
        sizes, estimators, k and subsampling (see `measure_scale`), and support, the kind of the sample.

    Returns
    -------
    DataFrame
        Rows of scale.csv.
    """
    rows = measure_scale(
        embeddings["embedding"].values,
        stores.lonlat(embeddings),
        config["sizes"],
        config["estimators"],
        config["k"],
        config["subsampling"],
    )
    where = {name: embeddings.attrs[name] for name in ("variant", "points")}
    return rows.assign(**where, support=config["support"])


def measure_scale(
    embedding: np.ndarray,
    lonlat: np.ndarray,
    sizes: Sequence[int],
    estimators: Mapping[str, Mapping[str, Any]],
    k: int,
    subsampling: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Measure the first m points of an embedding, for several m.

    The samples are nested: the first m points of a draw are the draw of size m. Fewer points lie further apart, so
    decimation reads the same encoder at a coarser scale.

    Parameters
    ----------
    embedding : ndarray (n, d)
        In the order of the draw.
    lonlat : ndarray (n, 2)
        Longitude and latitude, degrees, of its rows.
    sizes : sequence of int
        Numbers of points, each at most n.
    estimators : mapping
        Name -> leaf of config/estimator.
    k : int
        Neighbours in the graph, at least as many as any estimator's k; fewer where a size does not allow them.
    subsampling : mapping, optional
        As `earthdim.estimation.measure.measure` takes it.

    Returns
    -------
    DataFrame
        One row a size and estimator, with `COLUMNS`. `neighbour_radius_km` is what
        `earthdim.estimation.measure.with_radius` says of the size's distinct points. What cannot be measured is an
        empty value with a `note`; see `earthdim.estimation.measure.measure`.

    Raises
    ------
    ValueError
        If embedding and coordinates do not match, a size is out of range, or an estimator's k is above `k`.
    """
    lonlat = check_lonlat(lonlat)
    if len(embedding) != len(lonlat):
        raise ValueError(f"lonlat: {len(lonlat)} coordinates for {len(embedding)} embeddings")
    _check(sizes, len(lonlat), estimators, k)
    tables = []
    for size in sizes:
        rows, _, prepared = measure_embedding(
            embedding[:size],
            lambda found: knn(found.points, min(k, len(found.points) - 2)),
            estimators,
            subsampling,
        )
        tables.append(with_radius(rows, lonlat[:size], prepared).assign(n=size))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def _check(sizes: Sequence[int], n: int, estimators: Mapping[str, Mapping[str, Any]], k: int) -> None:
    """Raise ValueError unless every size exists and every estimator fits the graph."""
    if not len(sizes):
        raise ValueError("sizes: there are none")
    if max(sizes) > n:
        raise ValueError(f"sizes: {max(sizes)} is more than the {n} points that there are")
    for name, leaf in estimators.items():
        reach = leaf["k"]
        if reach is not None and reach > k:
            raise ValueError(f"{name}: k = {reach} is above the {k} neighbours of the graph")
