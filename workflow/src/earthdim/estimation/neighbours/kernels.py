"""Compiled kernels for exact distances, pair counts and subgraphs.

They are deterministic: no random numbers, no threads, and no reordering of sums by the compiler. `earthdim.compiled`
caches the compiled code, so one process compiles it and all others load it.
"""

import numpy as np

from earthdim.compiled import njit

UNIT_ROUNDOFF = 2.0**-24
"""Unit roundoff of float32."""

LANES = 64
"""Number of partial sums of a squared distance; a power of two."""

WORD = 8
"""Number of flags that are tested together as one integer."""


@njit()
def squared_distance(a, b, sums):
    """Squared Euclidean distance of two rows, from coordinate differences.

    The partial sums have a fixed order, so the result is the same on every machine, and the same for (a, b) and (b, a).

    Parameters
    ----------
    a, b : ndarray (d,), float64
    sums : ndarray (LANES,), float64
        Work space for the partial sums; overwritten.
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
    """Squared distances from the row `query` of points to the rows `others`."""
    sums = np.empty(LANES)
    squared = np.empty(others.size)
    for t in range(others.size):
        squared[t] = squared_distance(points[query], points[others[t]], sums)
    return squared


@njit()
def row_hashes(points):
    """64-bit FNV-1a hashes of rows, with -0 treated as +0; equal rows have equal hashes."""
    hashes = np.empty(len(points), dtype=np.uint64)
    prime = np.uint64(1099511628211)
    for i in range(len(points)):
        row = points[i] + 0.0
        words = row.view(np.uint64)
        value = np.uint64(14695981039346656037)
        for j in range(words.size):
            # FNV only propagates bits upwards, so the high half is folded in first.
            value = (value ^ (words[j] ^ (words[j] >> np.uint64(32)))) * prime
        hashes[i] = value
    return hashes


@njit()
def rank_error(norm, other, d, offset_error):
    """Bound on the error of an approximate squared distance between points with these norms.

    It is the sum of three terms: twice the error of the inner product, including the rounding of its float32 arguments;
    the error of both squared norms and of the additions, with a margin for the rearranged comparisons in `offer`; and
    the error of centring in float64.
    """
    product = 2 * 1.01 * (d + 4) * UNIT_ROUNDOFF * norm * other
    both = norm + other
    return product + 12 * UNIT_ROUNDOFF * both * both + 8 * offset_error * (both + offset_error) + 1e-30


@njit(inline="always")
def flagged(flags, places):
    """Write the positions of the set flags to the front of `places`, and return their number."""
    words = flags.view(np.uint64)
    count = 0
    for word in range(words.size):
        if words[word] != 0:
            for j in range(word * WORD, word * WORD + WORD):
                places[count] = j
                count += flags[j]
    return count


@njit()
def count_listed(distance, index, is_open, radii, counts):
    """Count, for each radius, the ordered pairs below it that involve a closed row, from the lists of the closed rows.

    A pair with an open row is only in one of these lists and counts twice.
    """
    for i in range(len(distance)):
        if is_open[i]:
            continue
        for r in range(radii.size):
            for t in range(distance.shape[1]):
                if not distance[i, t] < radii[r]:
                    break
                counts[r] += 2 if is_open[index[i, t]] else 1


@njit()
def count_tile(products, points, norms, rows, first_row, first_column, limits, offset_error, counts):
    """Count, for each limit, the unordered pairs of a tile at a distance below it.

    Pairs whose approximate squared distance is too close to a limit are measured again in float64.

    Parameters
    ----------
    products : ndarray (r, c), float32
        Inner products of `rows` from the position `first_row` on with those from `first_column` on, the same range or a
        later one.
    points : ndarray (m, d), float64
    norms : ndarray, float64
        Norms of `rows`.
    rows : ndarray, int64
        Rows of points.
    limits : ndarray, float64
    offset_error : float
        Bound on the rounding error of centring.
    counts : ndarray, int64
        Increased by the counts.
    """
    columns = products.shape[1]
    highest = limits.max()
    squares = (norms[first_column : first_column + columns] ** 2).astype(np.float32)
    two = np.float32(2)
    flags = np.zeros(columns + WORD - columns % WORD, dtype=np.uint8)
    words = flags.view(np.uint64)
    for i in range(len(products)):
        me = first_row + i
        line = products[i]
        # A point within the highest limit has a norm of at most this point's norm plus the limit.
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
                if flags[j] != 0 and other > me:
                    _count_pair(line[j], points, norms, rows, me, other, limits, offset_error, counts)


@njit()
def _count_pair(product, points, norms, rows, me, other, limits, offset_error, counts):
    approximate = norms[me] * norms[me] + norms[other] * norms[other] - 2.0 * product
    error = rank_error(norms[me], norms[other], points.shape[1], offset_error)
    exact = -1.0
    for t in range(limits.size):
        square = limits[t] * limits[t]
        near = not (abs(approximate - square) > error + 1e-12 * square)
        if near and exact < 0:
            exact = np.sqrt(squared_distance(points[rows[me]], points[rows[other]], np.empty(LANES)))
        if (exact < limits[t]) if near else (approximate < square):
            counts[t] += 1


@njit()
def restrict(distance, index, rows, position, k, part_distance, part_index, found):
    """Copy the first `k` neighbours of each row that belong to a subset, and count them in `found`."""
    for i in range(rows.size):
        count = 0
        for t in range(index.shape[1]):
            target = position[index[rows[i], t]]
            if target >= 0:
                part_distance[i, count] = distance[rows[i], t]
                part_index[i, count] = target
                count += 1
                if count == k:
                    break
        found[i] = count
