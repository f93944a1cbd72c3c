"""Graphs as stores: one search, or one search in blocks and a merge."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from earthdim.estimation.neighbours import Candidates, Graph, PreparedPoints, candidates, knn, merge, prepare
from earthdim.omissions import OmittedError

NAMES = ("index", "rank", "beyond")
"""Variables of a store of candidates."""


def graph_store(embeddings: xr.Dataset, config: Mapping[str, Any], log: logging.Logger) -> xr.Dataset:
    """Search the exact graph of an embedding.

    Parameters
    ----------
    embeddings : Dataset
        With the variable embedding (n, d).
    config : mapping
        k, memory_mb (of the search) and device. k is lowered where there are not enough distinct points.
    log : Logger
        Receives the number of points, or a warning if there is no graph.

    Returns
    -------
    Dataset
        A store of the kind `neighbours`: distance (m, k), index (m, k), and as the coordinate point the m rows of
        the embedding that remain without duplicates. Empty if the embedding cannot be measured.
    """
    try:
        prepared = prepare(embeddings["embedding"].values)
        graph = knn(prepared.points, _k(prepared, config), _memory(config), config["device"], log.info)
    except OmittedError as error:
        return _no_graph(error, log)
    return _store(graph, prepared, log)


def candidates_store(
    embeddings: xr.Dataset, block: int, config: Mapping[str, Any], log: logging.Logger
) -> xr.Dataset:
    """Search one block of the candidates for the neighbours of every point.

    Parameters
    ----------
    embeddings, log
        As in `graph_store`.
    block : int
        Number of the block, from 0.
    config : mapping
        As in `graph_store`, with blocks, the number of blocks.

    Returns
    -------
    Dataset
        A store of the kind `candidates`: index and rank (n, candidates), beyond (n).
    """
    try:
        prepared = prepare(embeddings["embedding"].values)
        found = candidates(
            prepared.points,
            _k(prepared, config),
            block,
            config["blocks"],
            _memory(config),
            config["device"],
            log.info,
        )
    except OmittedError as error:
        found = Candidates.empty()
        log.warning("there is no graph: %s", error)
    log.info("part %d of %d, %d candidates of each point", block + 1, config["blocks"], found.rank.shape[1])
    return xr.Dataset(
        {
            "index": (("point", "candidate"), found.index),
            "rank": (("point", "candidate"), found.rank),
            "beyond": ("point", found.beyond),
        }
    )


def merged_store(
    embeddings: xr.Dataset, blocks: Sequence[xr.Dataset], config: Mapping[str, Any], log: logging.Logger
) -> xr.Dataset:
    """Merge the candidates of all blocks into the graph that `graph_store` returns.

    Parameters
    ----------
    embeddings, log
        As in `graph_store`.
    blocks : sequence of Dataset
        Stores of the kind `candidates`.
    config : mapping
        k.
    """
    # A copy, as the merge overwrites it; blocks are read one after the other.
    parts = (Candidates(*(store[name].to_numpy().copy() for name in NAMES)) for store in blocks)
    try:
        prepared = prepare(embeddings["embedding"].values)
        graph = merge(prepared.points, _k(prepared, config), parts)
    except OmittedError as error:
        return _no_graph(error, log)
    return _store(graph, prepared, log)


def _k(prepared: PreparedPoints, config: Mapping[str, Any]) -> int:
    return min(config["k"], len(prepared.points) - 2)


def _memory(config: Mapping[str, Any]) -> int:
    return config["memory_mb"] * 2**20


def _store(graph: Graph, prepared: PreparedPoints, log: logging.Logger) -> xr.Dataset:
    log.info("%d points, %d duplicates dropped", len(prepared.kept), prepared.duplicates_dropped)
    return _dataset(graph, prepared.kept)


def _no_graph(reason: OmittedError, log: logging.Logger) -> xr.Dataset:
    log.warning("there is no graph: %s", reason)
    return _dataset(Graph.empty(), [])


def _dataset(graph: Graph, kept: Sequence[int]) -> xr.Dataset:
    return xr.Dataset(
        {"distance": (("point", "k"), graph.distance), "index": (("point", "k"), graph.index)},
        coords={"point": ("point", np.asarray(kept, dtype=np.int64))},
    )
