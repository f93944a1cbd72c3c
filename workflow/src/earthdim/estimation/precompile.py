"""Compile the engine before its first use: ``python -m earthdim.estimation.precompile``.

`envs/run` calls this when it creates the environment. Otherwise the first jobs of a run compile the same functions at
the same time, one in each process.
"""

import numpy as np

from earthdim.estimation.estimators import PreparedEmbedding
from earthdim.estimation.estimators.leaves import read_leaf
from earthdim.estimation.measure import measure
from earthdim.estimation.neighbours import candidates, knn, merge, prepare, subgraph

ESTIMATORS = ("mle", "twonn", "tle", "fishers", "corrint", "gride-k4", "ph")
"""Leaves whose estimators, between them, call every compiled function but those of the search in several tiles."""

POINTS, COLUMNS, K, TILE_BYTES = 300, 6, 20, 4 * 64**2  # tiles of 64 points


def precompile() -> None:
    """Measure a few random points by every path that calls compiled functions."""
    prepared = prepare(np.random.default_rng(0).standard_normal((POINTS, COLUMNS), dtype=np.float32))
    points = prepared.points
    # In several tiles and parts, as a large embedding is searched, and in one tile.
    graph = merge(points, K, [candidates(points, K, part, 2, block_bytes=TILE_BYTES) for part in range(2)])
    subgraph(points, graph, np.arange(0, POINTS, 2), K // 2)
    measure(PreparedEmbedding(prepared, knn(points, K)), {name: read_leaf(name) for name in ESTIMATORS}, None)


if __name__ == "__main__":
    precompile()
