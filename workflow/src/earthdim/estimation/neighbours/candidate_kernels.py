"""Compiled kernels of the search: collect candidates in float32, then measure and certify them in float64.

They are deterministic, as those of `earthdim.estimation.neighbours.kernels`.
"""

import numpy as np

from earthdim.compiled import njit
from earthdim.estimation.neighbours.kernels import LANES, WORD, flagged, rank_error, squared_distance

FAR = np.finfo(np.float32).max
"""Rank of points too far for single precision, and of empty candidate slots: stores hold no infinity."""

EMPTY = np.uint64(2**64 - 1)
"""Packed candidate of an empty slot, after all others."""


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


def begin(products, norms, first, wanted, record, noted, count, root, width):
    """Initialise the rows of a tile from the inner products within the tile.

    Every row keeps its `wanted` nearest points, and equally near ones. From then on it only accepts points nearer than
    the last of them.

    Parameters
    ----------
    products : ndarray (r, r), float32
        Inner products of the points from `first` on with each other; overwritten.
    norms : ndarray (m,), float32
        Squared norms.
    wanted : int
    record : bool
        Whether this part of the search records the candidates found here; otherwise only the root is set.
    noted, count, root, width
        As for `offer`.
    """
    n = len(products)
    block = slice(first, first + n)
    rank = np.multiply(products, np.float32(-2), out=products)
    rank += norms[block]
    rank += norms[block, None]
    # NaN counts as far.
    np.fmin(rank, FAR, out=rank)
    np.fill_diagonal(rank, np.inf)
    if wanted < n - 1:
        root[block] = np.partition(rank, wanted - 1, axis=1)[:, wanted - 1]
    if record:
        _note_near(rank, first, noted, count, root, width)


@njit()
def _note_near(rank, first, noted, count, root, width):
    """Note the points of a tile whose rank is not above the root."""
    n = len(rank)
    flags = np.zeros(n + WORD - n % WORD, dtype=np.uint8)
    near = np.empty(flags.size, dtype=np.int32)
    for i in range(n):
        me, limit = first + i, min(root[first + i], FAR)
        for j in range(n):
            flags[j] = rank[i, j] <= limit
        for t in range(flagged(flags, near)):
            if _note(noted, count, me, _pack(rank[i, near[t]], first + near[t]), True) == noted.shape[1]:
                _make_room(noted, count, root, me, width)


@njit()
def offer(products, norms, leading_norms, low, leading, first_row, first_column, noted, count, root, width):
    """Offer one tile of inner products to its rows and, by symmetry, to its columns.

    Parameters
    ----------
    products : ndarray (r, c), float32
        Inner products along the leading axes of the points from `first_row` on with the points from `first_column` on,
        two disjoint ranges.
    norms, leading_norms : ndarray (m,), float32
        Squared norms, of all axes and of the leading ones.
    low : ndarray (m, d), float32
        Coordinates; those after the leading ones are needed for pairs that these do not exclude.
    leading : int
        Number of leading axes.
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
    theirs = leading_norms[first_column : first_column + columns]
    # A pair is relevant to its column j if norm_i + norm_j - 2 product < root_j.
    slack = root[first_column : first_column + columns] - theirs
    two = np.float32(2)
    flags = np.zeros(columns + WORD - columns % WORD, dtype=np.uint8)
    near = np.empty(flags.size, dtype=np.int32)
    capacity = noted.shape[1]
    for i in range(rows):
        me = first_row + i
        line = products[i]
        mine = leading_norms[me]
        room = root[me] - mine
        # A loop without branches can be vectorised; roots that decrease meanwhile only cause some extra flags.
        for j in range(columns):
            twice = two * line[j]
            flags[j] = (theirs[j] - twice < room) | (mine - twice < slack[j])
        for t in range(flagged(flags, near)):
            j = near[t]
            other = first_column + j
            product = line[j]
            if leading < low.shape[1]:
                product += _product(low[me, leading:], low[other, leading:])
            rank = norms[me] + norms[other] - two * product
            if _note(noted, count, me, _pack(rank, other), rank < root[me]) == capacity:
                _make_room(noted, count, root, me, width)
            if _note(noted, count, other, _pack(rank, me), rank < root[other]) == capacity:
                _make_room(noted, count, root, other, width)
                slack[j] = root[other] - theirs[j]


@njit(fastmath={"reassoc"})
def _product(a, b):
    """Inner product in single precision, in an order of summing that the compiler chooses.

    The order changes which pairs become candidates within the error bound, but not the graph.
    """
    total = np.float32(0)
    for axis in range(a.size):
        total += a[axis] * b[axis]
    return total


@njit()
def cut(noted, count, root, width, beyond):
    """Move the `width` nearest candidates of every row to the front, in any order.

    Empty slots receive `EMPTY`. `beyond` receives a lower bound on the ranks of all other points.
    """
    for i in range(count.size):
        have = count[i]
        beyond[i] = min(root[i], FAR)
        if have > width:
            beyond[i] = min(beyond[i], _select(noted[i], have, width))
        else:
            noted[i, have:width] = EMPTY


def unpack(packed):
    """Return the ranks and the points of packed candidates; -1 and `FAR` for `EMPTY`."""
    rank = (packed >> np.uint64(32)).astype(np.uint32).view(np.float32)
    index = packed.astype(np.uint32).view(np.int32)
    rank[index < 0] = FAR
    return rank, index


@njit()
def walk(index):
    """Return the rows in an order in which most are candidates of the row before.

    From each row it continues with the first candidate that it has not visited, so that coordinates are still in the
    cache when they are needed again.

    Parameters
    ----------
    index : ndarray (m, w)
        Candidates, nearest first; -1 in empty slots.
    """
    m = len(index)
    order, visited = np.empty(m, np.int64), np.zeros(m, np.bool_)
    count = 0
    for start in range(m):
        current = start
        while current >= 0 and not visited[current]:
            visited[current] = True
            order[count] = current
            count += 1
            following = -1
            for other in index[current]:
                if other >= 0 and not visited[other]:
                    following = other
                    break
            current = following
    return order


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
