"""Dependence of the dimension of one embedding on the number of points and on the neighbourhood size."""

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

    The samples are nested: the first m points of a sample are the sample of size m. Fewer points are farther apart, so
    decimation measures the same encoder at a coarser scale.

    Parameters
    ----------
    embedding : ndarray (n, d)
        In the order in which the points were drawn.
    lonlat : ndarray (n, 2)
        Longitude and latitude, degrees, of its rows.
    sizes : sequence of int
        Numbers of points, each at most n.
    estimators : mapping
        Name -> leaf of config/estimator.
    k : int
        Number of neighbours in the graph, at least the k of every estimator; reduced for sizes with too few points.
    subsampling : mapping, optional
        As in `earthdim.estimation.measure.measure`.

    Returns
    -------
    DataFrame
        One row per size and estimator, with `COLUMNS`. `neighbour_radius_km` is that of
        `earthdim.estimation.measure.with_radius` for the distinct points of the size. Estimates that are not possible
        have an empty value and a `note`; see `earthdim.estimation.measure.measure`.

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
    """Raise ValueError if a size is out of range or an estimator needs more neighbours than the graph has."""
    if not len(sizes):
        raise ValueError("sizes: must not be empty")
    if max(sizes) > n:
        raise ValueError(f"sizes: {max(sizes)} is more than the {n} points available")
    for name, leaf in estimators.items():
        needed = leaf["k"]
        if needed is not None and needed > k:
            raise ValueError(f"{name}: k = {needed} is above the {k} neighbours of the graph")
