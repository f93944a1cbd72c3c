"""The exact nearest-neighbour graph of an embedding, and the cleaning that distances need first.

Every estimator reads the one graph that is computed here, so that an embedding is searched once::

    prepared = prepare(embedding)
    graph = knn(prepared.points, k=100)

Rows of both count the kept points: row ``i`` is row ``prepared.kept[i]`` of the embedding.
"""

from dataclasses import dataclass

import numpy as np

UNIT_NEIGHBOUR = 20
"""The neighbour whose median distance is the unit of length of prepared points."""

UNIT_QUERIES = 512
"""The largest number of points, evenly spaced by row, whose neighbours set that unit."""

BLOCK_BYTES = 2**26
"""Memory for one block of pairwise distances."""


@dataclass(frozen=True)
class Prepared:
    """The distinct rows of an embedding, centred and in units of their own spacing.

    Attributes
    ----------
    points : numpy.ndarray
        Shape (m, d), float64. The columns have mean 0; a column that was constant is exactly 0.
        The median distance to the 20th neighbour is 1.
    kept : numpy.ndarray
        Shape (m,), int64, ascending: the rows of the embedding that `points` stands for, the first of each
        set of duplicates.
    duplicates_dropped : int
        How many rows repeated an earlier one.
    scale : float
        One unit of `points` in units of the embedding.
    """

    points: np.ndarray
    kept: np.ndarray
    duplicates_dropped: int
    scale: float


@dataclass(frozen=True)
class Graph:
    """The `k` nearest other points of every point, nearest first.

    Attributes
    ----------
    distance : numpy.ndarray
        Shape (m, k), float64, Euclidean, ascending along a row and never 0.
    index : numpy.ndarray
        Shape (m, k), int64. Neighbours at the same distance stand in the order of their index.
    """

    distance: np.ndarray
    index: np.ndarray

    @property
    def k(self) -> int:
        """The number of neighbours of each point."""
        return self.distance.shape[1]


def prepare(X: np.ndarray) -> Prepared:
    """Drop duplicate rows, centre, and rescale by the typical spacing of the points.

    Nearest-neighbour estimators divide by distances and take logarithms, so one pair of equal rows can turn
    an estimate into 0 or infinity; some compare distances with absolute constants, so the unit matters too.

    Parameters
    ----------
    X : numpy.ndarray
        Shape (n, d), one row a point. Columns may be constant and rows may coincide, as those of the
        activations of dead units do.

    Raises
    ------
    ValueError
        If `X` is not a finite matrix of at least two columns, is constant, or has fewer than 22 distinct
        rows, which is what the 20th neighbour needs.
    """
    X = _finite_matrix(X, "X")
    if X.shape[1] < 2:
        raise ValueError(f"X: at least 2 columns are needed, there are {X.shape[1]}")
    least = UNIT_NEIGHBOUR + 2
    if len(X) < least:
        raise ValueError(f"X: at least {least} points are needed, there are {len(X)}")
    # A power of two rescales without rounding, so that neither sums nor squares overflow or vanish below.
    exponent = int(np.frexp(np.abs(X).max())[1])
    centred = np.ldexp(X, -exponent)
    constant = np.ptp(centred, axis=0) == 0
    if constant.all():
        raise ValueError("X: all points are the same")
    centred -= centred.mean(axis=0)
    centred[:, constant] = 0.0
    kept = _distinct_rows(centred)
    if len(kept) < least:
        raise ValueError(f"X: at least {least} distinct points are needed, {len(kept)} of {len(X)} remain")
    points = centred[kept]
    unit = _spacing(points)
    return Prepared(
        points=points / unit,
        kept=kept,
        duplicates_dropped=len(X) - len(kept),
        scale=float(np.ldexp(unit, exponent)),
    )


def knn(points: np.ndarray, k: int, block_bytes: int = BLOCK_BYTES) -> Graph:
    """Find the `k` nearest other points of every point, exactly.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (m, d): the points of a `Prepared`.
    k : int
        The number of neighbours, below m - 1.
    block_bytes : int
        Memory for one block of pairwise distances; the graph does not depend on it.

    Raises
    ------
    ValueError
        If `points` is not a finite matrix or holds a point twice, or `k` does not lie in 1 .. m - 2.
    """
    points = _finite_matrix(points, "points")
    if not 1 <= k < len(points) - 1:
        raise ValueError(f"k: must lie in 1 .. {len(points) - 2} for {len(points)} distinct points, is {k}")
    graph = _search(points, np.arange(len(points)), k, block_bytes)
    if (graph.distance[:, 0] == 0).any():
        raise ValueError("points: some coincide; prepare() drops duplicates")
    return graph


def _finite_matrix(values: np.ndarray, name: str) -> np.ndarray:
    matrix = np.ascontiguousarray(values, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"{name}: must have the shape (points, features), is {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError(f"{name}: holds values that are not finite")
    return matrix


def _distinct_rows(points: np.ndarray) -> np.ndarray:
    """Return the index of the first row of each set of equal rows, ascending."""
    # Adding 0 turns -0 into +0: rows are compared by their bytes, many times faster than column by column.
    rows = np.ascontiguousarray(points + 0.0)
    keys = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))[:, 0]
    return np.sort(np.unique(keys, return_index=True)[1]).astype(np.int64)


def _spacing(points: np.ndarray) -> float:
    """Return the median distance to the 20th neighbour, over evenly spaced rows where there are many."""
    queries = np.arange(0, len(points), -(-len(points) // UNIT_QUERIES))
    return float(np.median(_search(points, queries, UNIT_NEIGHBOUR, BLOCK_BYTES).distance[:, -1]))


def _search(points: np.ndarray, queries: np.ndarray, k: int, block_bytes: int) -> Graph:
    """Find the `k` nearest other points of the rows `queries`.

    A matrix product gives all squared distances with an error that is large against short distances but
    bounded; every point that could belong to the `k` nearest within that bound is measured again from the
    differences of its coordinates.

    References
    ----------
    Higham, N. J. (2002), Accuracy and Stability of Numerical Algorithms, 2nd edition, section 3.1: the
    rounding error of an inner product of d terms is at most d u / (1 - d u) times the product of the norms.
    """
    squared_norm = np.einsum("ij,ij->i", points, points)
    norm = np.sqrt(squared_norm)
    # Twice the error of the product, once for the k-th and once for its rival, and as much again for the
    # rounding of the distances that decide between them.
    rounding = 2 * (points.shape[1] + 4) * np.finfo(np.float64).eps
    slack = rounding * (norm[queries] + norm.max()) ** 2
    distance = np.empty((len(queries), k))
    index = np.empty((len(queries), k), dtype=np.int64)
    rows = max(1, block_bytes // (8 * len(points)))
    for start in range(0, len(queries), rows):
        block = queries[start : start + rows]
        # The squared distance less the squared norm of the query, which does not change the order.
        rank = points[block] @ points.T
        rank *= -2
        rank += squared_norm
        rank[np.arange(len(block)), block] = np.inf
        bound = np.partition(rank, k - 1, axis=1)[:, k - 1] + slack[start : start + rows]
        for row, query in enumerate(block):
            candidates = np.flatnonzero(rank[row] <= bound[row])
            distance[start + row], index[start + row] = _nearest(points, query, candidates, k)
    return Graph(distance, index)


def _nearest(points: np.ndarray, query: int, candidates: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return distance and index of the `k` nearest of `candidates`, which are in ascending order."""
    difference = points[candidates] - points[query]
    squared = np.einsum("ij,ij->i", difference, difference)
    order = np.argsort(squared, kind="stable")[:k]
    return np.sqrt(squared[order]), candidates[order]
