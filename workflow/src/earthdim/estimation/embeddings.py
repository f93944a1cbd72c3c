"""Tables and maps of one store of embeddings: the work of the dimension, costly and activation jobs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from earthdim.estimation import rows as identity
from earthdim.estimation.measure import (
    empty_map,
    graph_depth,
    local_map,
    measure_activations,
    measure_embedding,
    with_radius,
)
from earthdim.estimation.neighbours import Graph, knn
from earthdim.storage.stores import lonlat


def dimension(
    embeddings: xr.Dataset, neighbours: xr.Dataset, config: Mapping[str, Any]
) -> tuple[pd.DataFrame, xr.Dataset]:
    """Measure an embedding with every estimator, and map the local dimension.

    Parameters
    ----------
    embeddings : Dataset
        A store of the kind `embeddings`.
    neighbours : Dataset
        Its graph, a store of the kind `neighbours`.
    config : mapping
        estimators (name -> leaf), local_estimator (the name of the estimator of the map), subsampling (see
        `earthdim.estimation.measure.measure`) and replicate.

    Returns
    -------
    rows : DataFrame
        Rows of dimension.csv.
    local : Dataset
        A store of the kind `local_dimension`, without points if the map's estimator has no value.
    """
    graph = Graph(neighbours["distance"].values, neighbours["index"].values)
    rows, pointwise, prepared = measure_embedding(
        embeddings["embedding"].values, lambda _: graph, config["estimators"], config["subsampling"]
    )
    name = config["local_estimator"]
    k, number = config["estimators"][name]["k"], list(config["estimators"]).index(name)
    at = lonlat(embeddings)
    # Without a value there is no map; the note of the row states the reason.
    failed = rows["value"].isna()[number]
    local = empty_map(k) if failed else local_map(prepared, pointwise, at, name, k)
    store = embeddings[["lon", "lat"]].isel(point=local.kept)
    store["local_dimension"] = ("point", local.value)
    store["neighbour_radius_km"] = ("point", local.radius_km)
    store.attrs = {"variant": embeddings.attrs["variant"], "estimator": name, "k": k}
    rows = local.with_note(with_radius(rows, at, prepared), number)
    return identity.of_embedding(rows, embeddings, len(at), config["replicate"]), store


def costly(embeddings: xr.Dataset, config: Mapping[str, Any]) -> pd.DataFrame:
    """Measure the first points of an embedding with the estimators that are too costly for all of them.

    Parameters
    ----------
    embeddings : Dataset
        A store of the kind `embeddings`.
    config : mapping
        estimators (name -> leaf), n (number of points) and replicate.

    Returns
    -------
    DataFrame
        Rows of costly.csv.
    """
    rows, _, prepared = measure_embedding(
        embeddings["embedding"].values[: config["n"]],
        lambda found: knn(found.points, min(graph_depth(config["estimators"]), len(found.points) - 2)),
        config["estimators"],
    )
    rows = with_radius(rows, lonlat(embeddings), prepared)
    return identity.of_embedding(rows, embeddings, config["n"], config["replicate"])


def activations(
    embeddings: xr.Dataset,
    folds: Mapping[tuple[str, str, str], Sequence[np.ndarray]],
    places: Mapping[str, Sequence[np.ndarray]],
    config: Mapping[str, Any],
) -> pd.DataFrame:
    """Measure the activations of heads that were fitted to an embedding.

    Parameters
    ----------
    embeddings : Dataset
        A store of the kind `embeddings`.
    folds, places : mapping
        Activations and coordinates; see `earthdim.estimation.measure.measure_activations`.
    config : mapping
        activation_estimator (one name -> leaf) and replicate.

    Returns
    -------
    DataFrame
        Rows of dimension.csv.
    """
    ((name, leaf),) = config["activation_estimator"].items()
    rows = measure_activations(folds, places, name, leaf)
    return identity.of_activations(rows, embeddings, config["replicate"])
