"""Tight local intrinsic dimensionality estimation (TLE) on the shared graph."""

from dataclasses import dataclass

import numpy as np

from earthdim.compiled import njit
from earthdim.estimation.neighbours import Graph
from earthdim.estimation.neighbours.candidate_kernels import walk
from earthdim.estimation.neighbours.kernels import LANES, squared_distance

PRODUCT_FROM = 40
"""Number of neighbours from which the distances between them are computed by a matrix product."""

EXACT_BELOW = 1 / 64
"""Squared distances below this share of the sum of squared norms are not taken from a matrix product."""

MANTISSA = np.int64(2**52 - 1)
ONE = np.float64(1).view(np.int64)
BIAS = 1023

TOGETHER = 8
"""Number of factors that are multiplied before the exponent is separated."""

SMALLEST, LARGEST = 1e-30, 1e30
"""Range of factors: `TOGETHER` of them neither overflow nor underflow."""


@dataclass
class TLE:
    """Tight local intrinsic dimensionality at every point, equal to scikit-dimension's TLE.

    In addition to the distances from a point to its neighbours, the estimate uses the distances between the neighbours,
    as if each neighbour and its reflection through the point were a centre too. scikit-dimension processes each
    neighbourhood with a few dozen array operations; this is one compiled loop. Most distances between neighbours are
    found in the graph. The others are computed from coordinate differences, or for many neighbours by a matrix product
    of the neighbours centred at the point.

    Parameters
    ----------
    k : int
        Number of neighbours used.
    epsilon : float
        Distances below this are left out; the median distance to the 20th neighbour is 1.

    Attributes
    ----------
    dimension_pw_ : numpy.ndarray
        Shape (m,); 0 where all distances of a neighbourhood are equal.

    References
    ----------
    Amsaleg, L., Chelly, O., Houle, M. E., Kawarabayashi, K., Radovanovic, M. and Treeratanajaru, W. (2019), Intrinsic
    dimensionality estimation within tight localities, SIAM International Conference on Data Mining, 181-189.
    """

    k: int
    epsilon: float

    def fit(self, points: np.ndarray, graph: Graph) -> None:
        """Estimate from distinct points (m, d) and their graph."""
        self.dimension_pw_ = np.empty(len(points))
        shared = (points, graph.distance, graph.index)
        if self.k < PRODUCT_FROM:
            _fit(*shared, walk(graph.index), self.k, self.epsilon, self.dimension_pw_)
            return
        rows, squared = np.empty((self.k, points.shape[1])), np.empty((self.k, self.k))
        for me in walk(graph.index):
            _centred(points, graph.index[me, : self.k], points[me], rows)
            np.matmul(rows, rows.T, out=squared)  # of a matrix with its transpose: half the work
            self.dimension_pw_[me] = _fit_point(*shared, me, self.epsilon, squared)


@njit(error_model="numpy")
def _fit(points, distance, index, order, k, epsilon, dimension):
    slot = np.zeros(len(points), dtype=np.uint8)
    squared, sums = np.empty((k, k)), np.empty(LANES)
    for me in order:
        squared[:] = -1.0
        _look_up(distance, index, me, slot, squared)
        for i in range(k):
            for j in range(i):
                if squared[i, j] < 0:
                    squared[i, j] = squared[j, i] = _square(points[index[me, i]], points[index[me, j]], sums)
        dimension[me] = _neighbourhood_dimension(distance[me, :k], squared, epsilon)


@njit(error_model="numpy")
def _fit_point(points, distance, index, me, epsilon, squared):
    """Dimension at the point `me`, from inner products of its neighbours, which become squared distances."""
    k = len(squared)
    norms, sums = np.diag(squared).copy(), np.empty(LANES)
    for i in range(k):
        row, near = squared[i], 0
        for j in range(k):
            both = norms[i] + norms[j]
            between = both - 2.0 * row[j]
            near += between < EXACT_BELOW * both
            length = np.sqrt(between)
            row[j] = length * length
        # Near neighbours lose digits in the difference; each point is one of its own.
        if near > 1:
            for j in range(k):
                if j != i and not row[j] > 2 * EXACT_BELOW * (norms[i] + norms[j]):
                    row[j] = _square(points[index[me, i]], points[index[me, j]], sums)
    return _neighbourhood_dimension(distance[me, :k], squared, epsilon)


@njit()
def _centred(points, members, centre, rows):
    """Write the rows `members` of points, relative to `centre`, to `rows`."""
    for i in range(members.size):
        row, point = rows[i], points[members[i]]
        for j in range(row.size):
            row[j] = point[j] - centre[j]


@njit()
def _square(point, other, sums):
    # The square of the rounded root, as scikit-dimension computes it from distances: this decides whether a distance
    # is 0 where points are symmetric.
    length = np.sqrt(squared_distance(point, other, sums))
    return length * length


@njit()
def _look_up(distance, index, me, slot, squared):
    """Write the squared distances between neighbours of a point that the graph contains.

    Parameters
    ----------
    distance, index : ndarray (m, K)
        The graph.
    me : int
    slot : ndarray (m,), uint8
        Work space, all 0.
    squared : ndarray (k, k), float64
        Only found elements are written; they equal those of `_square` to the last bit.
    """
    k = len(squared)
    places = np.empty(index.shape[1], np.int64)
    for i in range(k):
        slot[index[me, i]] = i + 1
    for i in range(k):
        other, count = index[me, i], 0
        # Always written and counted only if found: a branch would often be mispredicted.
        for t in range(index.shape[1]):
            places[count] = t
            count += slot[index[other, t]] != 0
        for found in range(count):
            t = places[found]
            j = np.int64(slot[index[other, t]]) - 1
            squared[i, j] = squared[j, i] = distance[other, t] * distance[other, t]
    for i in range(k):
        slot[index[me, i]] = 0


@njit(error_model="numpy")
def _neighbourhood_dimension(distance, squared, epsilon):
    """Dimension of one neighbourhood.

    The sum of logarithms is computed as the logarithm of products, column by column, with the exponents of the factors
    added separately. Factors out of the normal range are left to the plain sum.

    Parameters
    ----------
    distance : ndarray (k,), float64
        Distances to the neighbours, ascending, none 0.
    squared : ndarray (k, k), float64
        Squared distances between the neighbours; the diagonal is ignored.
    epsilon : float
    """
    k = distance.size
    factors, kept = np.empty(k), np.empty(k, np.int64)
    product, exponent = np.ones(k), np.zeros(k, np.int64)
    bits = product.view(np.int64)
    least, largest, number = np.ones(k), np.ones(k), np.zeros(k, np.int64)
    for i in range(k):
        _factors(distance, squared[i], i, epsilon, factors, kept)
        for j in range(k):
            # Comparisons in place of min and max, which handle NaN and are not vectorised.
            least[j] = factors[j] if factors[j] < least[j] else least[j]
            largest[j] = factors[j] if factors[j] > largest[j] else largest[j]
            product[j] *= factors[j]
            number[j] += kept[j]
        if i % TOGETHER == TOGETHER - 1:
            for j in range(k):
                exponent[j] += (bits[j] >> 52) - BIAS
                bits[j] = (bits[j] & MANTISSA) | ONE
    if not (least.min() >= SMALLEST and largest.max() <= LARGEST):
        return _plain_dimension(distance, squared, epsilon)
    total = np.log(product).sum() + np.log(2.0) * exponent.sum()
    return _from_sums(total, k * (k - 1) - number.sum(), distance, epsilon)


@njit(error_model="numpy")
def _factors(distance, squared, i, epsilon, factors, kept):
    """Write the product of rescaled distance and reflection, in units of the radius, for one neighbour with all others.

    It is 1 where `kept` is 0: both are left out if one is below `epsilon` or NaN. It is infinite if the difference
    between the radius and the distance to the neighbour is out of the normal range.
    """
    k = distance.size
    mine, radius = distance[i], distance[k - 1]
    square, gap = mine**2, radius**2 - mine**2
    # With common divisors of the row taken out, the vectorised loop has no division.
    lowest, scale = epsilon * 2 * gap / radius, 1 / (4 * gap * gap)
    if mine == radius:
        for j in range(k):
            reflected = 2 * square + 2 * distance[j] ** 2 - squared[j]
            direct = _rescaled_distance(mine, distance[j], squared[j], radius)
            mirrored = _rescaled_distance(mine, distance[j], reflected, radius)
            kept[j] = (direct >= epsilon) & (mirrored >= epsilon)
            factors[j] = direct / radius * (mirrored / radius) if kept[j] else 1.0
    elif not SMALLEST <= scale <= LARGEST:
        factors[:] = np.inf
    else:
        for j in range(k):
            theirs = distance[j] ** 2
            reflected = 2 * square + 2 * theirs - squared[j]
            offset = square + squared[j] - theirs
            direct = np.sqrt(offset**2 + 4 * squared[j] * gap) - offset
            offset = square + reflected - theirs
            mirrored = np.sqrt(offset**2 + 4 * reflected * gap) - offset
            kept[j] = (direct >= lowest) & (mirrored >= lowest)
            factors[j] = direct * mirrored * scale if kept[j] else 1.0
    kept[i] = 0
    factors[i] = 1.0


@njit(error_model="numpy")
def _plain_dimension(distance, squared, epsilon):
    """As `_neighbourhood_dimension`, by a plain sum of logarithms."""
    k = distance.size
    radius = distance[k - 1]
    total, dropped = 0.0, 0
    for i in range(k):
        for j in range(k):
            if i == j:
                continue
            reflected = 2 * distance[i] ** 2 + 2 * distance[j] ** 2 - squared[i, j]
            direct = _rescaled_distance(distance[i], distance[j], squared[i, j], radius)
            mirrored = _rescaled_distance(distance[i], distance[j], reflected, radius)
            # A distance and its reflection are left out together; NaN is left out too.
            if direct >= epsilon and mirrored >= epsilon:
                total += np.log(direct / radius) + np.log(mirrored / radius)
            else:
                dropped += 1
    return _from_sums(total, dropped, distance, epsilon)


@njit(error_model="numpy")
def _from_sums(total, dropped, distance, epsilon):
    """Dimension from the sum of logarithms over pairs of neighbours and the number of pairs left out."""
    if total > -epsilon:
        return 0.0
    k = distance.size
    central = 0.0
    for i in range(k):
        if distance[i] < epsilon:
            dropped += 1
        else:
            central += np.log(distance[i] / distance[k - 1])
    return -2 * (k * k - dropped) / (total + 2 * central)


@njit(error_model="numpy")
def _rescaled_distance(mine, other, squared, radius):
    """Distance between two neighbours, rescaled as if the ball around the point were centred at the first one.

    At the border of the ball the limit is used.
    """
    if mine == radius:
        return radius * squared / (radius**2 + squared - other**2)
    offset = mine**2 + squared - other**2
    gap = radius**2 - mine**2
    return radius * (np.sqrt(offset**2 + 4 * squared * gap) - offset) / (2 * gap)
