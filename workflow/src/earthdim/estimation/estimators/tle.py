"""Tight local intrinsic dimensionality estimation (TLE) on the shared graph."""

from dataclasses import dataclass

import numpy as np

from earthdim.compiled import njit
from earthdim.estimation.neighbours import Graph
from earthdim.estimation.neighbours.kernels import LANES, squared_distance

PRODUCT_FROM = 40
"""Number of neighbours from which the distances between them are computed by a matrix product."""

EXACT_BELOW = 1 / 16
"""Squared distances below this share of the sum of squared norms are not taken from a matrix product."""

MANTISSA = np.int64(2**52 - 1)
ONE = np.float64(1).view(np.int64)
BIAS = 1023
RESCALED_AFTER = 512
"""Number of factors between 1 and 2 whose product is below the largest float64."""


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
            _fit(*shared, self.k, self.epsilon, self.dimension_pw_)
            return
        slot = np.zeros(len(points), dtype=np.int32)
        rows, squared = np.empty((self.k, points.shape[1])), np.empty((self.k, self.k))
        for me in range(len(points)):
            _centred(points, graph.index[me, : self.k], points[me], rows)
            np.matmul(rows, rows.T, out=squared)  # of a matrix with its transpose: half the work
            self.dimension_pw_[me] = _fit_point(*shared, me, self.epsilon, slot, squared)


@njit(error_model="numpy")
def _fit(points, distance, index, k, epsilon, dimension):
    slot = np.zeros(len(points), dtype=np.int32)
    squared, sums = np.empty((k, k)), np.empty(LANES)
    for me in range(len(points)):
        squared[:] = -1.0
        _look_up(distance, index, me, slot, squared)
        for i in range(k):
            for j in range(i):
                if squared[i, j] < 0:
                    squared[i, j] = squared[j, i] = _square(
                        points[index[me, i]], points[index[me, j]], sums
                    )
        dimension[me] = _neighbourhood_dimension(distance[me, :k], squared, epsilon)


@njit(error_model="numpy")
def _fit_point(points, distance, index, me, epsilon, slot, squared):
    """Dimension at the point `me`, from inner products of its neighbours, which become squared distances."""
    k = len(squared)
    sums = np.empty(LANES)
    norms = np.diag(squared).copy()
    for i in range(k):
        for j in range(k):
            both = norms[i] + norms[j]
            between = both - 2.0 * squared[i, j]
            # Near neighbours lose digits in the difference.
            squared[i, j] = between if between >= EXACT_BELOW * both else -1.0
    _look_up(distance, index, me, slot, squared)
    for i in range(k):
        for j in range(i):
            if squared[i, j] < 0 or squared[j, i] < 0:
                squared[i, j] = squared[j, i] = _square(points[index[me, i]], points[index[me, j]], sums)
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
    # The square of the rounded root, as scikit-dimension computes it from distances.
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
    slot : ndarray (m,), int32
        Work space, all 0.
    squared : ndarray (k, k), float64
        Only found elements are written; they equal those of `_square` to the last bit.
    """
    k = len(squared)
    for i in range(k):
        slot[index[me, i]] = i + 1
    for i in range(k):
        other = index[me, i]
        for t in range(index.shape[1]):
            j = slot[index[other, t]] - 1
            if j >= 0:
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
    radius = distance[k - 1]
    factors, kept = np.empty(k), np.empty(k, np.int64)
    bits = factors.view(np.int64)
    product, exponent = np.ones(k), np.zeros(k, np.int64)
    least, largest = np.ones(k), np.ones(k)
    total, dropped = 0.0, k * (k - 1)
    for i in range(k):
        _factors(distance, squared[i], i, radius, epsilon, factors, kept)
        for j in range(k):
            least[j] = min(least[j], factors[j])
            largest[j] = max(largest[j], factors[j])
            exponent[j] += (bits[j] >> 52) - BIAS
        for j in range(k):
            bits[j] = (bits[j] & MANTISSA) | ONE
        for j in range(k):
            product[j] *= factors[j]
            dropped -= kept[j]
        if i % RESCALED_AFTER == RESCALED_AFTER - 1:
            total += np.log(product).sum()
            product[:] = 1.0
    if not (least.min() >= np.finfo(np.float64).tiny and largest.max() < np.inf):
        return _plain_dimension(distance, squared, epsilon)
    total += np.log(product).sum() + np.log(2.0) * exponent.sum()
    return _from_sums(total, dropped, distance, epsilon)


@njit(error_model="numpy")
def _factors(distance, squared, i, radius, epsilon, factors, kept):
    """Write the product of rescaled distance and reflection, in units of the radius, for one neighbour with all others.

    It is 1 where `kept` is 0: both are left out if one is below `epsilon` or NaN.
    """
    mine = distance[i]
    gap, scale = radius**2 - mine**2, radius * radius
    border = mine == radius
    for j in range(distance.size):
        reflected = 2 * mine**2 + 2 * distance[j] ** 2 - squared[j]
        direct = _rescaled_distance(mine, distance[j], squared[j], radius, gap, border)
        mirrored = _rescaled_distance(mine, distance[j], reflected, radius, gap, border)
        kept[j] = (direct >= epsilon) & (mirrored >= epsilon)
        factors[j] = direct * mirrored / scale if kept[j] else 1.0
    kept[i] = 0
    factors[i] = 1.0


@njit(error_model="numpy")
def _plain_dimension(distance, squared, epsilon):
    """As `_neighbourhood_dimension`, by a plain sum of logarithms."""
    k = distance.size
    radius = distance[k - 1]
    total, dropped = 0.0, 0
    for i in range(k):
        mine = distance[i]
        gap, border = radius**2 - mine**2, mine == radius
        for j in range(k):
            if i == j:
                continue
            reflected = 2 * mine**2 + 2 * distance[j] ** 2 - squared[i, j]
            direct = _rescaled_distance(mine, distance[j], squared[i, j], radius, gap, border)
            mirrored = _rescaled_distance(mine, distance[j], reflected, radius, gap, border)
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


@njit(error_model="numpy", inline="always")
def _rescaled_distance(mine, other, squared, radius, gap, border):
    """Distance between two neighbours, rescaled as if the ball around the point were centred at the first one.

    At the border of the ball the limit is used. `gap` is the difference of the squares of radius and `mine`.
    """
    offset = mine**2 + squared - other**2
    if border:
        return radius * squared / (radius**2 + squared - other**2)
    return radius * (np.sqrt(offset**2 + 4 * squared * gap) - offset) / (2 * gap)
