"""Compile the engine before its first use: ``python -m earthdim.estimation.precompile``.

`envs/run` calls this when it creates the environment. Otherwise the first jobs of a run compile the same functions at
the same time, one in each process.
"""

import numpy as np

from earthdim.estimation.estimators import PreparedEmbedding
from earthdim.estimation.estimators.leaves import read_leaf
from earthdim.estimation.measure import measure
from earthdim.estimation.neighbours import candidates, merge, prepare, subgraph

ESTIMATORS = {20: ("mle", "twonn", "tle", "fishers", "corrint", "gride-k4", "ph"), 100: ("tle-k100",)}
"""Leaves by the depth of the graph: between them, they call every compiled function outside the search."""

POINTS, COLUMNS, TILE_BYTES = 300, 6, 4 * 64**2  # tiles of 64 points


def precompile() -> None:
    """Measure a few random points by every path that calls compiled functions."""
    prepared = prepare(np.random.default_rng(0).standard_normal((POINTS, COLUMNS), dtype=np.float32))
    points = prepared.points
    for k, names in ESTIMATORS.items():
        # In several tiles and parts, as a large embedding is searched.
        graph = merge(
            points, k, [candidates(points, k, part, 2, block_bytes=TILE_BYTES) for part in range(2)]
        )
        subgraph(points, graph, np.arange(0, POINTS, 2), k // 2)
        measure(PreparedEmbedding(prepared, graph), {name: read_leaf(name) for name in names})


if __name__ == "__main__":
    precompile()
