"""Tight local intrinsic dimensionality estimation (TLE) on the shared graph."""

from dataclasses import dataclass

import numpy as np

from earthdim.compiled import njit
from earthdim.estimation.neighbours import Graph
from earthdim.estimation.neighbours.kernels import LANES, squared_distance


@dataclass
class TLE:
    """Tight local intrinsic dimensionality at every point, equal to scikit-dimension's TLE.

    In addition to the distances from a point to its neighbours, the estimate uses the distances between the neighbours,
    as if each neighbour and its reflection through the point were a centre too. scikit-dimension processes each
    neighbourhood with a few dozen array operations; this is one compiled loop.

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
        _fit(points, graph.distance, graph.index, self.k, self.epsilon, self.dimension_pw_)


@njit(error_model="numpy")
def _fit(points, distance, index, k, epsilon, dimension):
    squared = np.empty((k, k))
    sums = np.empty(LANES)
    for me in range(len(points)):
        members = index[me, :k]
        for i in range(k):
            for j in range(i):
                # The square of the rounded root, as scikit-dimension computes it from distances.
                length = np.sqrt(squared_distance(points[members[i]], points[members[j]], sums))
                squared[i, j] = squared[j, i] = length * length
        dimension[me] = _neighbourhood_dimension(distance[me, :k], squared, epsilon)


@njit(error_model="numpy")
def _neighbourhood_dimension(distance, squared, epsilon):
    """Dimension of one neighbourhood.

    Parameters
    ----------
    distance : ndarray (k,), float64
        Distances to the neighbours, ascending, none 0.
    squared : ndarray (k, k), float64
        Squared distances between the neighbours.
    epsilon : float
    """
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
    if total > -epsilon:
        return 0.0
    central = 0.0
    for i in range(k):
        if distance[i] < epsilon:
            dropped += 1
        else:
            central += np.log(distance[i] / radius)
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
