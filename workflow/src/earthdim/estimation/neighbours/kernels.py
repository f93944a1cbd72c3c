"""The inner loops of the search, compiled. Nothing here is random, threaded or reordered by the compiler.

`earthdim.compiled` keeps the compiled code, so that one process compiles it and the others load it.
"""

import numpy as np

from earthdim.compiled import njit

UNIT_ROUNDOFF = 2.0**-24
"""Of float32."""

FAR = np.finfo(np.float32).max
"""The rank of what is too far for single precision, and of no candidate at all: stores hold no infinity."""

LANES = 64
"""Partial sums of a squared distance; a power of two."""

WORD = 8
"""Flags that are looked at together, as one integer."""


@njit()
def squared_distance(a, b, sums):
    """Squared Euclidean distance of two rows, from the differences of their coordinates.

    Partial sums in a fixed order, so that it is the same on every machine, and the same for (a, b) and (b, a).

    Parameters
    ----------
    a, b : ndarray (d,), float64
    sums : ndarray (LANES,), float64
        Room for the partial sums; overwritten.
    """
    whole = a.size // LANES
    for lane in range(LANES):
        sums[lane] = 0.0
    for part in range(whole):
        x, y = a[part * LANES : part * LANES + LANES], b[part * LANES : part * LANES + LANES]
        for lane in range(LANES):
            difference = x[lane] - y[lane]
            sums[lane] += difference * difference
    x, y = a[whole * LANES :], b[whole * LANES :]
    for lane in range(x.size):
        difference = x[lane] - y[lane]
        sums[lane] += difference * difference
    half = LANES // 2
    while half:
        for lane in range(half):
            sums[lane] += sums[lane + half]
        half //= 2
    return sums[0]


@njit()
def squared_distances(points, query, others):
    """Squared distances from one row of points to others."""
    sums = np.empty(LANES)
    squared = np.empty(others.size)
    for t in range(others.size):
        squared[t] = squared_distance(points[query], points[others[t]], sums)
    return squared


@njit()
def row_hashes(points):
    """64-bit FNV-1a hashes of rows, -0 counted as +0; equal rows have equal hashes."""
    hashes = np.empty(len(points), dtype=np.uint64)
    prime = np.uint64(1099511628211)
    for i in range(len(points)):
        row = points[i] + 0.0
        words = row.view(np.uint64)
        value = np.uint64(14695981039346656037)
        for j in range(words.size):
            # The high half is folded in first: FNV alone mixes upwards only.
            value = (value ^ (words[j] ^ (words[j] >> np.uint64(32)))) * prime
        hashes[i] = value
    return hashes


@njit(inline="always")
def _pack(rank, other):
    """Rank and point as one integer, which sorts by rank: the bits of floats that are not negative do."""
    bits = np.float32(max(rank, np.float32(0))).view(np.uint32)
    return (np.uint64(bits) << np.uint64(32)) | np.uint64(other)


@njit(inline="always")
def _rank_of(packed):
    return np.uint32(packed >> np.uint64(32)).view(np.float32)


@njit()
def _select(packed, count, width):
    """Bring the `width` smallest of the first `count` to the front, and return the rank of the largest of these.

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
    """Note a candidate if it is near, and return how many there are.

    It is written in any case and counted if near: a branch here would be guessed wrong half the time.
    """
    have = count[me]
    noted[me, have] = packed
    have += near
    count[me] = have
    return have


@njit()
def _make_room(noted, count, root, me, width):
    """Cut a row to the `width` nearest, whose largest rank is the new root."""
    root[me] = min(root[me], _select(noted[me], count[me], width))
    count[me] = width


@njit()
def begin(products, norms, first, wanted, own, noted, count, root):
    """Begin the rows of a tile with the inner products among themselves.

    Every row keeps its `wanted` nearest, and from then on notes only what is nearer than the last of them.

    Parameters
    ----------
    products : ndarray (r, r), float32
        Inner products of the points `first` .. with each other.
    norms : ndarray (m,), float32
        Squared norms.
    wanted : int
    own : bool
        Whether the candidates found here are noted, or the root alone.
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
            # What is no number is far too.
            packed[j] = _pack(rank if rank < FAR else FAR, first + other)
        if keep < n - 1:
            root[me] = _select(packed, n - 1, keep)
        if own:
            noted[me, :keep] = packed[:keep]
            count[me] = keep


@njit()
def offer(products, norms, first_row, first_column, noted, count, root, width):
    """Offer one tile of inner products to its rows and, by symmetry, to its columns.

    Parameters
    ----------
    products : ndarray (r, c), float32
        Inner products of the points `first_row` .. with the points `first_column` .., two ranges without overlap.
    norms : ndarray (m,), float32
        Squared norms.
    noted : ndarray (m, capacity), uint64
        Candidates of each row, rank and point packed; changed in place, as are the next two.
    count : ndarray (m,), int64
        Candidates of each row.
    root : ndarray (m,), float32
        What a rank must be below to be noted.
    width : int
        Candidates that a row keeps.
    """
    rows, columns = products.shape
    column_norms = norms[first_column : first_column + columns]
    # A pair is of interest to its column j where norm_i + norm_j - 2 product < root_j.
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
        # A loop without branches, many products at a time; roots that sink meanwhile only flag some too many.
        for j in range(columns):
            twice = two * line[j]
            flags[j] = (column_norms[j] - twice < room) | (mine - twice < slack[j])
        for t in range(_flagged(flags, near)):
            j = near[t]
            other = first_column + j
            rank = mine + column_norms[j] - two * line[j]
            if _note(noted, count, me, _pack(rank, other), rank < root[me]) == capacity:
                _make_room(noted, count, root, me, width)
            if _note(noted, count, other, _pack(rank, me), rank < root[other]) == capacity:
                _make_room(noted, count, root, other, width)
                slack[j] = root[other] - column_norms[j]


@njit(inline="always")
def _flagged(flags, places):
    """Write the places of the flags that are set to the front of `places`, and return how many there are."""
    words = flags.view(np.uint64)
    count = 0
    for word in range(words.size):
        if words[word] != 0:
            for j in range(word * WORD, word * WORD + WORD):
                places[count] = j
                count += flags[j]
    return count


@njit()
def cut(noted, count, root, width, rank, index, beyond):
    """Unpack the `width` nearest candidates of every row in their order, and what the ranks of all others are at least.

    Places without a candidate hold `FAR` and -1.
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
    """Measure the candidates of every row again in float64, keep the nearest, and say which rows are certain.

    With T the k-th smallest approximate squared distance and e the bound of its error, the k-th squared distance is
    at most T + e, so that all the nearest have approximations of at most T + 2 e. A row is certain when all others than
    its candidates are known to lie beyond that.

    Parameters
    ----------
    points : ndarray (m, d), float64
    order : ndarray (m,), int64
        In which order rows are taken; nothing but speed depends on it.
    norms : ndarray (m,), float64
        Norms of the centred points.
    offset_error : float
        How far rounding moved a centred point.
    rank, index : ndarray (m, w)
        Candidates, nearest first; places that were never taken hold `FAR` and -1.
    beyond : ndarray (m,), float32
        What the ranks of all others are at least.
    distance, neighbours, certified : ndarray (m, k), (m, k), (m,)
        Filled in.

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
            reach = 2 * np.sqrt(max(nearest, 0.0))
            error = rank_error(norms[i], norms[i] + reach, d, offset_error)
            threshold = nearest + 2 * error
            # The error was bounded for neighbours within `reach`, which the k-th is if error <= 3 nearest.
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
    """Sort by squared distance, equal ones by index; quick where the order is nearly right already."""
    for t in range(1, count):
        value, point = squared[t], taken[t]
        place = t
        while place and (
            squared[place - 1] > value or (squared[place - 1] == value and taken[place - 1] > point)
        ):
            squared[place], taken[place] = squared[place - 1], taken[place - 1]
            place -= 1
        squared[place], taken[place] = value, point


@njit()
def rank_error(norm, other, d, offset_error):
    """Largest error of an approximate squared distance between points of these norms.

    Twice that of the inner product (rounding its float32 arguments included); that of both squared norms and of the
    sums, with some to spare for the comparisons rearranged in `offer`; and that of the float64 centring.
    """
    product = 2 * 1.01 * (d + 4) * UNIT_ROUNDOFF * norm * other
    both = norm + other
    return product + 12 * UNIT_ROUNDOFF * both * both + 8 * offset_error * (both + offset_error) + 1e-30


@njit()
def count_tile(products, points, norms, rows, first_column, limits, offset_error, counts):
    """Count, for each limit, the pairs of a tile at a distance below it; a point is no pair with itself.

    A pair whose approximate squared distance is too near a limit is measured again in float64.
    """
    columns = products.shape[1]
    highest = limits.max()
    squares = (norms[first_column : first_column + columns] ** 2).astype(np.float32)
    two = np.float32(2)
    flags = np.zeros(columns + WORD - columns % WORD, dtype=np.uint8)
    words = flags.view(np.uint64)
    for i in range(rows.size):
        me = rows[i]
        line = products[i]
        # What lies within the highest limit has a norm of at most this one's plus the limit.
        error = rank_error(norms[me], norms[me] + highest, points.shape[1], offset_error)
        room = np.float32(highest * highest + error - norms[me] * norms[me])
        if not np.isfinite(room):
            room = np.float32(np.inf)
        for j in range(columns):
            flags[j] = not (squares[j] - two * line[j] > room)
        for word in range(words.size):
            if words[word] == 0:
                continue
            for j in range(word * WORD, min(word * WORD + WORD, columns)):
                other = first_column + j
                if flags[j] != 0 and other != me:
                    _count_pair(line[j], points, norms, me, other, limits, offset_error, counts)


@njit()
def _count_pair(product, points, norms, me, other, limits, offset_error, counts):
    approximate = norms[me] * norms[me] + norms[other] * norms[other] - 2.0 * product
    error = rank_error(norms[me], norms[other], points.shape[1], offset_error)
    exact = -1.0
    for t in range(limits.size):
        square = limits[t] * limits[t]
        near = not (abs(approximate - square) > error + 1e-12 * square)
        if near and exact < 0:
            exact = np.sqrt(squared_distance(points[me], points[other], np.empty(LANES)))
        if (exact < limits[t]) if near else (approximate < square):
            counts[t] += 1


@njit()
def restrict(distance, index, rows, place, k, part_distance, part_index, found):
    """Copy from a graph's rows the neighbours that have a place in a subset, as far as they go, `k` at most."""
    for i in range(rows.size):
        count = 0
        for t in range(index.shape[1]):
            target = place[index[rows[i], t]]
            if target >= 0:
                part_distance[i, count] = distance[rows[i], t]
                part_index[i, count] = target
                count += 1
                if count == k:
                    break
        found[i] = count
