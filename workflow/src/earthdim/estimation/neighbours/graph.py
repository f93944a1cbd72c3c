"""The neighbour graph, its restriction to subsets, and counts of pairs within given radii."""

from dataclasses import dataclass

import numpy as np

from earthdim.estimation.neighbours.exact import nearest
from earthdim.estimation.neighbours.kernels import count_listed, count_tile, restrict

TILE = 1024
"""Side of one tile of inner products."""

BLOCK_BYTES = 2**21
"""Memory for one block of centred rows, which fits into the cache."""


@dataclass(frozen=True)
class Graph:
    """The `k` nearest other points of every point, nearest first.

    Attributes
    ----------
    distance : numpy.ndarray
        Shape (m, k), float64, Euclidean, ascending along a row and never 0.
    index : numpy.ndarray
        Shape (m, k), int64. Equal distances are ordered by index.
    """

    distance: np.ndarray
    index: np.ndarray

    @classmethod
    def empty(cls) -> "Graph":
        """Return a graph without points, for embeddings that have no graph."""
        return cls(np.empty((0, 1)), np.empty((0, 1), dtype=np.int64))

    @property
    def k(self) -> int:
        """Number of neighbours per point."""
        return self.distance.shape[1]


def subgraph(points: np.ndarray, graph: Graph, rows: np.ndarray, k: int) -> Graph:
    """Return the exact graph of a subset of the points.

    The neighbours in the full graph that belong to the subset are the nearest ones of the subset, in order. Only rows
    with fewer than `k` of them are searched again.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (m, d): all points.
    graph : Graph
        The graph of `points`.
    rows : numpy.ndarray
        The subset, ascending and without repetition.
    k : int
        Number of neighbours, below ``len(rows) - 1``.

    Returns
    -------
    Graph
        Its indices refer to the subset.

    Raises
    ------
    ValueError
        If `rows` is not ascending, or `k` is not in 1 .. len(rows) - 2.
    """
    rows = np.asarray(rows, dtype=np.int64)
    if not len(rows) or (np.diff(rows) <= 0).any() or rows[0] < 0 or rows[-1] >= len(points):
        raise ValueError(f"rows: must be ascending and within the {len(points)} points")
    if not 1 <= k < len(rows) - 1:
        raise ValueError(f"k: must lie in 1 .. {len(rows) - 2} for {len(rows)} points, is {k}")
    place = np.full(len(points), -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    distance, index = np.empty((len(rows), k)), np.empty((len(rows), k), dtype=np.int64)
    found = np.empty(len(rows), dtype=np.int64)
    restrict(graph.distance, graph.index, rows, place, k, distance, index, found)
    short = np.flatnonzero(found < k)
    if len(short):
        distance[short], index[short] = nearest(points[rows], short, k)
    return Graph(distance, index)


def count_within(points: np.ndarray, graph: Graph, radii: np.ndarray) -> np.ndarray:
    """Count the ordered pairs of distinct points at a distance below each radius, exactly.

    Rows whose last neighbour lies beyond the largest radius are closed: the graph holds all their pairs. As distances
    are symmetric, it holds the pairs of open with closed rows too. Only open rows are compared with each other, by a
    float32 matrix product; pairs too close to a radius for its error bound are measured again in float64.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (m, d), float64.
    graph : Graph
        The graph of `points`.
    radii : numpy.ndarray
        Positive distances.

    Returns
    -------
    numpy.ndarray
        One int64 per radius; the pairs (i, j) and (j, i) count as two.
    """
    radii = np.atleast_1d(np.asarray(radii, dtype=np.float64))
    is_open = graph.distance[:, -1] < radii.max()
    counts = np.zeros(len(radii), dtype=np.int64)
    count_listed(graph.distance, graph.index, is_open, radii, counts)
    rows = np.flatnonzero(is_open)
    if not len(rows):
        return counts
    low, norms, offset_error = single_precision(points, rows)
    half = np.zeros(len(radii), dtype=np.int64)
    for first in range(0, len(rows), TILE):
        for second in range(first, len(rows), TILE):
            products = low[first : first + TILE] @ low[second : second + TILE].T
            count_tile(products, points, norms, rows, first, second, radii, offset_error, half)
    return counts + 2 * half


def centred_norms(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the norms of the centred points, and a bound on the rounding error of centring."""
    centre, norms = points.mean(axis=0), np.empty(len(points))
    rows = max(1, BLOCK_BYTES // (8 * points.shape[1]))
    for start in range(0, len(points), rows):
        centred = points[start : start + rows] - centre
        norms[start : start + rows] = np.sqrt(np.einsum("ij,ij->i", centred, centred))
    return norms, _offset_error(points)


def single_precision(
    points: np.ndarray, order: np.ndarray | None = None, axes: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the centred points in float32, their float64 norms, and a bound on the rounding error of centring.

    With `order`, some or all rows in any order, only these are returned, in that order; the centre is that of all.
    With `axes`, orthonormal columns (d, d), the points are rotated to these in float64; the norms are those before it.
    """
    centre = points.mean(axis=0)
    count = len(points) if order is None else len(order)
    low = np.empty((count, points.shape[1]), dtype=np.float32)
    norms = np.empty(count)
    rows = max(1, BLOCK_BYTES // (8 * points.shape[1]))
    # Values beyond the range of float32 become infinite, and their rows are searched in float64.
    with np.errstate(over="ignore"):
        for start in range(0, count, rows):
            block = slice(start, start + rows)
            centred = points[block if order is None else order[block]] - centre
            norms[block] = np.sqrt(np.einsum("ij,ij->i", centred, centred))
            low[block] = centred if axes is None else centred @ axes
    return low, norms, _offset_error(points)


def _offset_error(points: np.ndarray) -> float:
    """Return a bound on the rounding error of centring."""
    largest = max(points.max(), -points.min())
    return float(2 * np.finfo(np.float64).eps * largest * np.sqrt(points.shape[1]))
