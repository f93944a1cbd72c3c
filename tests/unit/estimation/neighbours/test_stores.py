"""Graphs as stores."""

import numpy as np
import xarray as xr
from stage_stores import Log, embeddings

from earthdim.estimation.neighbours.stores import candidates_store, graph_store, merged_store

CONFIG = {"k": 7, "memory_mb": 64, "device": "cpu", "blocks": 2}


def test_blocks_merge_into_the_graph_of_one_search():
    store, log = embeddings(), Log("blocks")
    whole = graph_store(store, CONFIG, log.logger)
    assert whole["index"].shape == (300, 7)
    blocks = [candidates_store(store, block, CONFIG, log.logger) for block in range(2)]
    xr.testing.assert_identical(merged_store(store, blocks, CONFIG, log.logger), whole)
    assert ("INFO", "300 points, 0 duplicates dropped") in log
    assert log[1][1].startswith("part 1 of 2")


def test_duplicates_are_dropped_and_points_name_the_kept_rows():
    store, log = embeddings(), Log("duplicates")
    store["embedding"][5] = store["embedding"][4].values
    graph = graph_store(store, CONFIG, log.logger)
    np.testing.assert_array_equal(graph["point"], np.delete(np.arange(300), 5))
    assert log == [("INFO", "299 points, 1 duplicates dropped")]


def test_the_depth_is_limited_by_the_number_of_points():
    graph = graph_store(embeddings().isel(point=slice(6)), CONFIG, Log("few").logger)
    assert graph.sizes == {"point": 6, "k": 4}


def test_what_cannot_be_measured_has_an_empty_graph_and_a_warning():
    store, log = embeddings(np.ones((300, 3))), Log("constant")
    whole = graph_store(store, CONFIG, log.logger)
    blocks = [candidates_store(store, block, CONFIG, log.logger) for block in range(2)]
    xr.testing.assert_identical(merged_store(store, blocks, CONFIG, log.logger), whole)
    assert whole.sizes["point"] == 0
    assert [level for level, _ in log].count("WARNING") == 4
