"""Exact search in float64, for few queries and for rows that the float32 search cannot certify."""

import numpy as np

from earthdim.estimation.neighbours.kernels import squared_distances

BLOCK_BYTES = 2**26
"""Memory for one block of pairwise distances."""


def nearest(
    points: np.ndarray, queries: np.ndarray, k: int, block_bytes: int = BLOCK_BYTES
) -> tuple[np.ndarray, np.ndarray]:
    """Find the `k` nearest other points of the rows `queries`, exactly.

    A matrix product gives all squared distances with a bounded error, which can be large relative to short distances.
    Every point that could belong to the `k` nearest within this bound is measured again from coordinate differences.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (m, d), float64.
    queries : numpy.ndarray
        Rows of `points`.
    k : int
        Number of neighbours, below m.
    block_bytes : int
        Memory for one block of distances; the result does not depend on it.

    Returns
    -------
    distance : numpy.ndarray
        Shape (queries, k), float64, ascending.
    index : numpy.ndarray
        Shape (queries, k), int64; equal distances are ordered by index.

    References
    ----------
    Higham, N. J. (2002), Accuracy and Stability of Numerical Algorithms, 2nd edition, section 3.1: the
    rounding error of an inner product of d terms is at most d u / (1 - d u) times the product of the norms.
    """
    squared_norm = np.einsum("ij,ij->i", points, points)
    norm = np.sqrt(squared_norm)
    # Twice the error of the product, for the k-th neighbour and for its competitor, and the same again for the
    # rounding of the distances that are finally compared.
    rounding = 2 * (points.shape[1] + 4) * np.finfo(np.float64).eps
    slack = rounding * (norm[queries] + norm.max()) ** 2
    distance = np.empty((len(queries), k))
    index = np.empty((len(queries), k), dtype=np.int64)
    rows = max(1, block_bytes // (8 * len(points)))
    for start in range(0, len(queries), rows):
        block = queries[start : start + rows]
        # Squared distance minus the squared norm of the query, which has the same order.
        rank = points[block] @ points.T
        rank *= -2
        rank += squared_norm
        rank[np.arange(len(block)), block] = np.inf
        bound = np.partition(rank, k - 1, axis=1)[:, k - 1] + slack[start : start + rows]
        for row, query in enumerate(block):
            candidates = np.flatnonzero(rank[row] <= bound[row])
            distance[start + row], index[start + row] = _nearest(points, query, candidates, k)
    return distance, index


def _nearest(points: np.ndarray, query: int, candidates: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return distances and indices of the `k` nearest of `candidates`, which are in ascending order."""
    squared = squared_distances(points, query, candidates)
    order = np.argsort(squared, kind="stable")[:k]
    return np.sqrt(squared[order]), candidates[order]
