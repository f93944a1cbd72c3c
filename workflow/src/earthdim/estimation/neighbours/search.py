"""The exact search of all points: float32 products of tiles, candidates measured again in float64, a certificate."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from earthdim.estimation.neighbours.cleaning import finite_matrix
from earthdim.estimation.neighbours.exact import nearest
from earthdim.estimation.neighbours.graph import Graph, single_precision
from earthdim.estimation.neighbours.kernels import begin, cut, offer, refine

BLOCK_BYTES = 2**22
"""Memory for one tile of inner products, float32: 1,024 points square, which a cache holds."""

SPARE = 20
"""Candidates kept of each point beyond its `k` nearest: what lies between makes room for the error of float32."""

ROOM = 64
"""Candidates noted beyond those that are kept, before the nearest are picked out."""


@dataclass(frozen=True)
class Candidates:
    """Of every point, the nearest others in single precision among the pairs of one part of the search.

    Attributes
    ----------
    index : numpy.ndarray
        Shape (m, w), int32; -1 where there was none.
    rank : numpy.ndarray
        Shape (m, w), float32, ascending: approximate squared distance; the largest number where there was none.
    beyond : numpy.ndarray
        Shape (m,), float32: the rank of every point of the part that is not among a row's candidates is at least this.
    """

    index: np.ndarray
    rank: np.ndarray
    beyond: np.ndarray

    @classmethod
    def empty(cls) -> "Candidates":
        """Those of no points, for what has no graph."""
        return cls(np.empty((0, 1), np.int32), np.empty((0, 1), np.float32), np.empty(0, np.float32))


def knn(points: np.ndarray, k: int, block_bytes: int = BLOCK_BYTES, device: str = "cpu") -> Graph:
    """Find the `k` nearest other points of every point, exactly.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (m, d): the points of a `Prepared`.
    k : int
        The number of neighbours, below m - 1.
    block_bytes : int
        Memory for one tile of inner products; the graph does not depend on it. Beside it and the points the search
        holds the points in float32 and, of each, some candidates more than `k`.
    device : str
        Where the matrix products are made: "cpu", or a device of torch such as "cuda" (untested: no machine of ours
        has one). The graph is the same.

    Raises
    ------
    ValueError
        If `points` is not a finite matrix or holds a point twice, or `k` does not lie in 1 .. m - 2.
    """
    return merge(points, k, [candidates(points, k, block_bytes=block_bytes, device=device)])


def candidates(
    points: np.ndarray,
    k: int,
    block: int = 0,
    blocks: int = 1,
    block_bytes: int = BLOCK_BYTES,
    device: str = "cpu",
) -> Candidates:
    """Search one part of all pairs; `merge` makes the graph of all parts.

    The pairs of tiles are dealt out in turn, each pair of points to one part, so that parts cost the same.

    Parameters
    ----------
    points, k, block_bytes, device
        As for `knn`.
    block, blocks : int
        Which part, from 0, of how many.

    Raises
    ------
    ValueError
        As for `knn`, or if `block` does not lie in 0 .. blocks - 1.
    """
    points = _checked(points, k)
    if not 0 <= block < blocks:
        raise ValueError(f"block: must lie in 0 .. {blocks - 1}, is {block}")
    m, width = len(points), min(k + SPARE, len(points) - 1)
    # In a random order the points of one tile are a sample of all.
    order = np.random.default_rng(0).permutation(m)
    low, norms, _ = single_precision(points, order)
    with np.errstate(over="ignore"):
        squared_norms = (norms**2).astype(np.float32)
    noted = np.empty((m, width + ROOM), np.uint64)
    count, root = np.zeros(m, np.int64), np.full(m, np.inf, np.float32)
    tile = max(1, int(np.sqrt(block_bytes / 4)))
    starts = range(0, m, tile)
    wanted = _foresight(m, width, tile)
    multiply = _product(low, tile, device)

    # What overflowed or is no number is no candidate, and its rows get no certificate.
    with np.errstate(all="ignore"):
        for number, first in enumerate(starts):
            own = number % blocks == block
            begin(multiply(first, first), squared_norms, first, wanted, own, noted, count, root)
        pairs = [(first, second) for first in starts for second in starts if first < second]
        for first, second in pairs[block::blocks]:
            offer(multiply(first, second), squared_norms, first, second, noted, count, root, width)
    found = Candidates(
        np.empty((m, width), np.int32), np.empty((m, width), np.float32), np.empty(m, np.float32)
    )
    cut(noted, count, root, width, found.rank, found.index, found.beyond)
    return _in_order(found, order)


def merge(points: np.ndarray, k: int, parts: Iterable[Candidates]) -> Graph:
    """Make the exact graph of all parts of a search.

    Parameters
    ----------
    points, k
        As for `candidates`.
    parts : iterable of Candidates
        All of them, in any order.

    Raises
    ------
    ValueError
        As for `knn`.
    """
    points = _checked(points, k)
    found = _nearest_of(list(parts))
    _, norms, offset_error = single_precision(points)
    m = len(points)
    distance, index = np.empty((m, k)), np.empty((m, k), dtype=np.int64)
    certified = np.empty(m, dtype=bool)
    # Rows that share a candidate come one after the other, so that its coordinates are still in the cache.
    order = np.argsort(found.index.min(axis=1), kind="stable")
    refine(
        points, order, norms, offset_error, found.rank, found.index, found.beyond, distance, index, certified
    )
    doubtful = np.flatnonzero(~certified)
    if len(doubtful):
        distance[doubtful], index[doubtful] = nearest(points, doubtful, k)
    if (distance[:, 0] == 0).any():
        raise ValueError("points: some coincide; prepare() drops duplicates")
    return Graph(distance, index)


def _checked(points: np.ndarray, k: int) -> np.ndarray:
    points = finite_matrix(points, "points")
    if not 1 <= k < len(points) - 1:
        raise ValueError(f"k: must lie in 1 .. {len(points) - 2} for {len(points)} distinct points, is {k}")
    return points


def _foresight(m: int, width: int, tile: int) -> int:
    """How many neighbours within its tile a point begins with; what is farther than these is not noted any more.

    One tile is a random sample. Within the distance of its `wanted`-th nearest there are fewer than `width` of all
    points only if more than `wanted` of those happened to be sampled, a Poisson variable: in one row of a thousand.
    Rows that this leaves without a certificate, fewer still, are searched in float64; all others have fewer
    candidates to look at.
    """
    if tile >= m:
        return width
    # Half a second to load, and small samples never come here.
    from scipy.stats import poisson

    return min(width, int(poisson.ppf(1 - 1e-3, width * tile / m)) + 1)


def _in_order(found: Candidates, order: np.ndarray) -> Candidates:
    """Bring candidates of points in a random order back into that of the points."""
    place = np.argsort(order)
    names = np.append(order, -1).astype(np.int32)  # the last stands for -1
    return Candidates(names[found.index][place], found.rank[place], found.beyond[place])


def _nearest_of(parts: list[Candidates]) -> Candidates:
    """Keep of several parts' candidates as many as one part has, the nearest."""
    if len(parts) == 1:
        return parts[0]
    width = parts[0].rank.shape[1]
    result = Candidates(*(np.empty_like(getattr(parts[0], name)) for name in ("index", "rank", "beyond")))
    rows = max(1, 2**24 // (4 * width * len(parts)))
    for start in range(0, len(result.rank), rows):
        block = slice(start, start + rows)
        ranks = np.concatenate([part.rank[block] for part in parts], axis=1)
        order = np.argsort(ranks, axis=1, kind="stable")
        kept, dropped = order[:, :width], order[:, width:]
        result.rank[block] = np.take_along_axis(ranks, kept, axis=1)
        every = np.concatenate([part.index[block] for part in parts], axis=1)
        result.index[block] = np.take_along_axis(every, kept, axis=1)
        result.beyond[block] = np.minimum(
            np.minimum.reduce([part.beyond[block] for part in parts]),
            np.take_along_axis(ranks, dropped, axis=1).min(axis=1),
        )
    return result


def _product(low: np.ndarray, tile: int, device: str):
    """Return a function of two first rows that gives the inner products of their tiles."""
    if device == "cpu":
        room = np.empty(tile * tile, dtype=np.float32)

        def multiply(first: int, second: int) -> np.ndarray:
            left, right = low[first : first + tile], low[second : second + tile]
            out = room[: len(left) * len(right)].reshape(len(left), len(right))
            return np.matmul(left, right.T, out=out)

        return multiply
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False  # the certificate counts on float32
    there = torch.from_numpy(low).to(device)

    def multiply_there(first: int, second: int) -> np.ndarray:
        return (there[first : first + tile] @ there[second : second + tile].T).cpu().numpy()

    return multiply_there
