"""Exact search of all points: candidates from float32 tile products, measured again in float64 and certified."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy.special import pdtr

from earthdim.estimation.neighbours.candidate_kernels import begin, cut, offer, refine, unpack, walk
from earthdim.estimation.neighbours.cleaning import finite_matrix
from earthdim.estimation.neighbours.coordinates import Coordinates
from earthdim.estimation.neighbours.exact import nearest
from earthdim.estimation.neighbours.graph import Graph, centred_norms
from earthdim.progress import Progress

BLOCK_BYTES = 2**23
"""Memory for one tile of float32 inner products: 1,448 x 1,448 points, which fits into the cache."""

SPARE = 20
"""Candidates kept per point in addition to its `k` nearest, as a margin for the error of float32."""

BUFFER = 64
"""Candidates collected per point in addition to the kept ones, before the nearest are selected."""


@dataclass(frozen=True)
class Candidates:
    """The nearest other points of every point, in single precision, among the pairs of one part of the search.

    Attributes
    ----------
    index : numpy.ndarray
        Shape (m, w), int32; -1 in empty slots.
    rank : numpy.ndarray
        Shape (m, w), float32, ascending: approximate squared distance; the largest float32 in empty slots.
    beyond : numpy.ndarray
        Shape (m,), float32: lower bound on the rank of every point of the part that is not among the row's candidates.
    """

    index: np.ndarray
    rank: np.ndarray
    beyond: np.ndarray

    @classmethod
    def empty(cls) -> "Candidates":
        """Return candidates without points, for embeddings that have no graph."""
        return cls(np.empty((0, 1), np.int32), np.empty((0, 1), np.float32), np.empty(0, np.float32))


def knn(
    points: np.ndarray,
    k: int,
    block_bytes: int = BLOCK_BYTES,
    device: str = "cpu",
    say: Callable[[str], object] | None = None,
) -> Graph:
    """Find the `k` nearest other points of every point, exactly.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (m, d): the points of a `PreparedPoints`.
    k : int
        Number of neighbours, below m - 1.
    block_bytes : int
        Memory for one tile of inner products; the graph does not depend on it. In addition, the search holds a float32
        copy of the points and slightly more than `k` candidates per point.
    device : str
        Device of the matrix products: "cpu", or a torch device such as "cuda" (untested for lack of hardware). The
        graph does not depend on it.
    say : callable, optional
        Receives lines of progress in a search of more than twenty seconds.

    Raises
    ------
    ValueError
        If `points` is not a finite matrix or contains duplicates, or `k` is not in 1 .. m - 2.
    """
    return merge(points, k, [candidates(points, k, block_bytes=block_bytes, device=device, say=say)])


def candidates(
    points: np.ndarray,
    k: int,
    block: int = 0,
    blocks: int = 1,
    block_bytes: int = BLOCK_BYTES,
    device: str = "cpu",
    say: Callable[[str], object] | None = None,
) -> Candidates:
    """Search one part of all pairs; `merge` combines all parts into the graph.

    The pairs of tiles are assigned to the parts in turn, each pair of points to one part, so all parts cost the same.

    Parameters
    ----------
    points, k, block_bytes, device, say
        As for `knn`.
    block, blocks : int
        Number of this part, from 0, and number of parts.

    Raises
    ------
    ValueError
        As for `knn`, or if `block` is not in 0 .. blocks - 1.
    """
    points = _checked(points, k)
    if not 0 <= block < blocks:
        raise ValueError(f"block: must lie in 0 .. {blocks - 1}, is {block}")
    m, width = len(points), min(k + SPARE, len(points) - 1)
    # In random order, the points of one tile are a sample of all points.
    order = np.random.default_rng(0).permutation(m)
    noted = np.empty((m, width + BUFFER), np.uint64)
    count, root = np.zeros(m, np.int64), np.full(m, np.inf, np.float32)
    tile = max(1, int(np.sqrt(block_bytes / 4)))
    starts = range(0, m, tile)
    wanted = _initial_width(m, width, tile)
    at = Coordinates.of(points, order, wanted / min(tile, m))
    multiply = _product(at.low, tile, device)

    # Overflow and NaN never become candidates, and their rows are not certified.
    with np.errstate(all="ignore"):
        for number, first in enumerate(starts):
            record = number % blocks == block
            begin(multiply(first, first), at.norms, first, wanted, record, noted, count, root, width)
        rows = (at.norms, at.leading_norms, at.low, at.leading)
        pairs = [(first, second) for first in starts for second in starts if first < second]
        mine = pairs[block::blocks]
        progress = Progress(len(mine), "tiles", say)
        for number, (first, second) in enumerate(mine):
            progress(number)
            products = multiply(first, second, at.leading)
            offer(products, *rows, first, second, noted, count, root, width)
    beyond = np.empty(m, np.float32)
    cut(noted, count, root, width, beyond)
    return _in_order(noted[:, :width], beyond, order)


def merge(points: np.ndarray, k: int, parts: Iterable[Candidates]) -> Graph:
    """Combine all parts of a search into the exact graph.

    Parameters
    ----------
    points, k
        As for `candidates`.
    parts : iterable of Candidates
        All parts, in any order; the first is overwritten.

    Raises
    ------
    ValueError
        As for `knn`.
    """
    points = _checked(points, k)
    found = _nearest_of(parts)
    norms, offset_error = centred_norms(points)
    m = len(points)
    distance, index = np.empty((m, k)), np.empty((m, k), dtype=np.int64)
    certified = np.empty(m, dtype=bool)
    refine(
        points,
        walk(found.index),
        norms,
        offset_error,
        found.rank,
        found.index,
        found.beyond,
        distance,
        index,
        certified,
    )
    uncertified = np.flatnonzero(~certified)
    if len(uncertified):
        distance[uncertified], index[uncertified] = nearest(points, uncertified, k)
    if (distance[:, 0] == 0).any():
        raise ValueError("points: some coincide; prepare() drops duplicates")
    return Graph(distance, index)


def _checked(points: np.ndarray, k: int) -> np.ndarray:
    points = finite_matrix(points, "points")
    if not 1 <= k < len(points) - 1:
        raise ValueError(f"k: must lie in 1 .. {len(points) - 2} for {len(points)} distinct points, is {k}")
    return points


def _initial_width(m: int, width: int, tile: int) -> int:
    """Return how many neighbours within its tile a point starts with; farther points are not recorded later.

    One tile is a random sample. Within the distance of the `wanted`-th nearest of the tile there are fewer than `width`
    of all points only if more than `wanted` of those were sampled, a Poisson variable; this happens in one row of a
    thousand. Of these rows the few that remain uncertified are searched in float64. All other rows have fewer
    candidates to process.
    """
    if tile >= m:
        return width
    within = pdtr(np.arange(width), width * tile / m)
    return min(width, int(np.searchsorted(within, 1 - 1e-3)) + 1)


def _in_order(noted: np.ndarray, beyond: np.ndarray, order: np.ndarray) -> Candidates:
    """Sort the candidates of every point, and restore the order of the points; `order` is that of the search."""
    found = Candidates(
        np.empty(noted.shape, np.int32), np.empty(noted.shape, np.float32), np.empty(len(noted), np.float32)
    )
    names = np.append(order, -1).astype(np.int32)  # index -1 maps to -1
    found.beyond[order] = beyond
    rows = max(1, 2**20 // noted.shape[1])
    for start in range(0, len(noted), rows):
        block = slice(start, start + rows)
        rank, index = unpack(np.sort(noted[block], axis=1))
        found.rank[order[block]], found.index[order[block]] = rank, names[index]
    return found


def _nearest_of(parts: Iterable[Candidates]) -> Candidates:
    """Merge the candidates of several parts, keeping as many per point as one part has; one part is held at a time."""
    return reduce(_nearest_of_both, parts)


def _nearest_of_both(first: Candidates, second: Candidates) -> Candidates:
    width = first.rank.shape[1]
    rows = max(1, 2**22 // (4 * width))
    for start in range(0, len(first.rank), rows):
        block = slice(start, start + rows)
        ranks = np.concatenate([part.rank[block] for part in (first, second)], axis=1)
        order = np.argsort(ranks, axis=1, kind="stable")
        kept, dropped = order[:, :width], order[:, width:]
        every = np.concatenate([part.index[block] for part in (first, second)], axis=1)
        nearest_dropped = np.take_along_axis(ranks, dropped, axis=1).min(axis=1)
        first.rank[block] = np.take_along_axis(ranks, kept, axis=1)
        first.index[block] = np.take_along_axis(every, kept, axis=1)
        first.beyond[block] = np.minimum.reduce([first.beyond[block], second.beyond[block], nearest_dropped])
    return first


def _product(low: np.ndarray, tile: int, device: str):
    """Return a function of two first rows that computes the inner products of their tiles.

    A third argument limits them to the first columns.
    """
    if device == "cpu":
        room = np.empty(tile * tile, dtype=np.float32)

        def multiply(first: int, second: int, columns: int | None = None) -> np.ndarray:
            left, right = low[first : first + tile, :columns], low[second : second + tile, :columns]
            out = room[: len(left) * len(right)].reshape(len(left), len(right))
            return np.matmul(left, right.T, out=out)

        return multiply
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False  # certification assumes float32 products
    on_device = torch.from_numpy(low).to(device)

    def multiply_on_device(first: int, second: int, columns: int | None = None) -> np.ndarray:
        left, right = (on_device[start : start + tile, :columns] for start in (first, second))
        return (left @ right.T).cpu().numpy()

    return multiply_on_device
