"""Cleaning of an embedding and its exact nearest-neighbour graph.

All estimators read the same graph, so an embedding is searched once::

    prepared = prepare(embedding)
    graph = knn(prepared.points, k=100)

Rows of both refer to the kept points: row ``i`` is row ``prepared.kept[i]`` of the embedding. The search of a large
graph can be split over several jobs: ``candidates`` searches one part, and ``merge`` combines all parts into the same
graph, byte for byte.
"""

from earthdim.estimation.neighbours.cleaning import PreparedPoints, prepare
from earthdim.estimation.neighbours.graph import Graph, count_within, subgraph
from earthdim.estimation.neighbours.search import Candidates, candidates, knn, merge

__all__ = [
    "Candidates",
    "Graph",
    "PreparedPoints",
    "candidates",
    "count_within",
    "knn",
    "merge",
    "prepare",
    "subgraph",
]
