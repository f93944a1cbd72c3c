"""Compiled kernels of the search: collect candidates in float32, then measure and certify them in float64.

They are deterministic, as those of `earthdim.estimation.neighbours.kernels`.
"""

import numpy as np

from earthdim.compiled import njit
from earthdim.estimation.neighbours.kernels import LANES, WORD, flagged, rank_error, squared_distance

FAR = np.finfo(np.float32).max
"""Rank of points too far for single precision, and of empty candidate slots: stores hold no infinity."""


@njit(inline="always")
def _pack(rank, other):
    """Pack rank and point into one integer that sorts by rank: the bits of non-negative floats are ordered."""
    bits = np.float32(max(rank, np.float32(0))).view(np.uint32)
    return (np.uint64(bits) << np.uint64(32)) | np.uint64(other)


@njit(inline="always")
def _rank_of(packed):
    return np.uint32(packed >> np.uint64(32)).view(np.float32)


@njit()
def _select(packed, count, width):
    """Move the `width` smallest of the first `count` to the front, and return the rank of the largest of them.

    References
    ----------
    Hoare, C. A. R. (1961), Algorithm 65: find, Communications of the ACM 4, 321-322.
    """
    low, high, wanted = 0, count - 1, width - 1
    while low < high:
        pivot = packed[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while packed[i] < pivot:
                i += 1
            while packed[j] > pivot:
                j -= 1
            if i <= j:
                packed[i], packed[j] = packed[j], packed[i]
                i += 1
                j -= 1
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            break
    return _rank_of(packed[:width].max())


@njit()
def _note(noted, count, me, packed, near):
    """Append a candidate if it is near, and return the number of candidates.

    It is always written and counted only if near, because a branch here would be mispredicted half of the time.
    """
    have = count[me]
    noted[me, have] = packed
    have += near
    count[me] = have
    return have


@njit()
def _make_room(noted, count, root, me, width):
    """Reduce a row to its `width` nearest candidates; the largest of their ranks becomes the new root."""
    root[me] = min(root[me], _select(noted[me], count[me], width))
    count[me] = width


@njit()
def begin(products, norms, first, wanted, record, noted, count, root):
    """Initialise the rows of a tile from the inner products within the tile.

    Every row keeps its `wanted` nearest points. From then on it only accepts points nearer than the last of them.

    Parameters
    ----------
    products : ndarray (r, r), float32
        Inner products of the points from `first` on with each other.
    norms : ndarray (m,), float32
        Squared norms.
    wanted : int
    record : bool
        Whether this part of the search records the candidates found here; otherwise only the root is set.
    noted, count, root
        As for `offer`.
    """
    n = len(products)
    packed = np.empty(n - 1, np.uint64)
    keep = min(wanted, n - 1)
    two = np.float32(2)
    for i in range(n):
        me = first + i
        line = products[i]
        for j in range(n - 1):
            other = j if j < i else j + 1
            rank = norms[me] + norms[first + other] - two * line[other]
            # NaN counts as far.
            packed[j] = _pack(rank if rank < FAR else FAR, first + other)
        if keep < n - 1:
            root[me] = _select(packed, n - 1, keep)
        if record:
            noted[me, :keep] = packed[:keep]
            count[me] = keep


@njit()
def offer(products, norms, first_row, first_column, noted, count, root, width):
    """Offer one tile of inner products to its rows and, by symmetry, to its columns.

    Parameters
    ----------
    products : ndarray (r, c), float32
        Inner products of the points from `first_row` on with the points from `first_column` on, two disjoint ranges.
    norms : ndarray (m,), float32
        Squared norms.
    noted : ndarray (m, capacity), uint64
        Candidates of each row, with rank and point packed; modified in position, like the next two.
    count : ndarray (m,), int64
        Number of candidates of each row.
    root : ndarray (m,), float32
        Candidates are accepted only if their rank is below this.
    width : int
        Number of candidates kept per row.
    """
    rows, columns = products.shape
    column_norms = norms[first_column : first_column + columns]
    # A pair is relevant to its column j if norm_i + norm_j - 2 product < root_j.
    slack = root[first_column : first_column + columns] - column_norms
    two = np.float32(2)
    flags = np.zeros(columns + WORD - columns % WORD, dtype=np.uint8)
    near = np.empty(flags.size, dtype=np.int32)
    capacity = noted.shape[1]
    for i in range(rows):
        me = first_row + i
        line = products[i]
        mine = norms[me]
        room = root[me] - mine
        # A loop without branches can be vectorised; roots that decrease meanwhile only cause some extra flags.
        for j in range(columns):
            twice = two * line[j]
            flags[j] = (column_norms[j] - twice < room) | (mine - twice < slack[j])
        for t in range(flagged(flags, near)):
            j = near[t]
            other = first_column + j
            rank = mine + column_norms[j] - two * line[j]
            if _note(noted, count, me, _pack(rank, other), rank < root[me]) == capacity:
                _make_room(noted, count, root, me, width)
            if _note(noted, count, other, _pack(rank, me), rank < root[other]) == capacity:
                _make_room(noted, count, root, other, width)
                slack[j] = root[other] - column_norms[j]


@njit()
def cut(noted, count, root, width, rank, index, beyond):
    """Unpack the `width` nearest candidates of every row in order, with a lower bound on the ranks of all other points.

    Empty slots hold `FAR` and -1.
    """
    for i in range(count.size):
        have = count[i]
        beyond[i] = min(root[i], FAR)
        if have > width:
            beyond[i] = min(beyond[i], _select(noted[i], have, width))
            have = width
        noted[i, :have].sort()
        for t in range(have):
            rank[i, t] = _rank_of(noted[i, t])
            index[i, t] = np.int32(noted[i, t] & np.uint64(0xFFFFFFFF))
        rank[i, have:] = FAR
        index[i, have:] = -1


@njit()
def refine(points, order, norms, offset_error, rank, index, beyond, distance, neighbours, certified):
    """Measure the candidates of every row again in float64, keep the nearest, and certify the exact rows.

    Let T be the k-th smallest approximate squared distance and e the bound of its error. The k-th squared distance is
    at most T + e, so all nearest points have approximations of at most T + 2 e. A row is certified if all points that
    are not among its candidates are known to lie beyond that.

    Parameters
    ----------
    points : ndarray (m, d), float64
    order : ndarray (m,), int64
        Order in which rows are processed; it affects only speed.
    norms : ndarray (m,), float64
        Norms of the centred points.
    offset_error : float
        Bound on the rounding error of centring.
    rank, index : ndarray (m, w)
        Candidates, nearest first; empty slots hold `FAR` and -1.
    beyond : ndarray (m,), float32
        Lower bound on the ranks of all other points.
    distance, neighbours, certified : ndarray (m, k), (m, k), (m,)
        Outputs.

    References
    ----------
    Higham, N. J. (2002), Accuracy and Stability of Numerical Algorithms, 2nd edition, section 3.1: the rounding error
    of an inner product of d terms is at most d u / (1 - d u) times the product of the norms, in any order of summing.
    """
    m, d = points.shape
    k = distance.shape[1]
    squared, taken, sums = np.empty(rank.shape[1]), np.empty(rank.shape[1], np.int64), np.empty(LANES)
    for i in order:
        known = np.count_nonzero(index[i] >= 0)
        certified[i] = False
        if known < k:
            continue
        threshold = np.inf
        if known < m - 1:
            nearest = np.float64(rank[i, k - 1])
            radius = 2 * np.sqrt(max(nearest, 0.0))
            error = rank_error(norms[i], norms[i] + radius, d, offset_error)
            threshold = nearest + 2 * error
            # The error bound holds for neighbours within `radius`; the k-th is one if error <= 3 nearest.
            if not (threshold < beyond[i] and error <= 3 * nearest):
                continue
        count = 0
        for t in range(rank.shape[1]):
            if index[i, t] >= 0 and rank[i, t] <= threshold:
                squared[count] = squared_distance(points[i], points[index[i, t]], sums)
                taken[count] = index[i, t]
                count += 1
        _sort_pairs(squared, taken, count)
        for t in range(k):
            distance[i, t] = np.sqrt(squared[t])
            neighbours[i, t] = taken[t]
        certified[i] = True


@njit()
def _sort_pairs(squared, taken, count):
    """Sort by squared distance, then by index. Insertion sort, which is fast for nearly sorted input."""
    for t in range(1, count):
        value, point = squared[t], taken[t]
        position = t
        while position and (
            squared[position - 1] > value or (squared[position - 1] == value and taken[position - 1] > point)
        ):
            squared[position], taken[position] = squared[position - 1], taken[position - 1]
            position -= 1
        squared[position], taken[position] = value, point
