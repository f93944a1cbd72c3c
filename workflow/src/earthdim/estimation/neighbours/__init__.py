"""The exact nearest-neighbour graph of an embedding, and the cleaning that distances need first.

Every estimator reads the one graph that is computed here, so that an embedding is searched once::

    prepared = prepare(embedding)
    graph = knn(prepared.points, k=100)

Rows of both count the kept points: row ``i`` is row ``prepared.kept[i]`` of the embedding. A large graph is searched in
parts by several jobs, ``candidates`` one part each, and ``merge`` makes the same graph of them, byte for byte.
"""

from earthdim.estimation.neighbours.cleaning import Prepared, prepare
from earthdim.estimation.neighbours.graph import Graph, count_within, subgraph
from earthdim.estimation.neighbours.search import Candidates, candidates, knn, merge

__all__ = [
    "Candidates",
    "Graph",
    "Prepared",
    "candidates",
    "count_within",
    "knn",
    "merge",
    "prepare",
    "subgraph",
]
