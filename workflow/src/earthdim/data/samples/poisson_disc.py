"""Random points that keep a distance from one another."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from earthdim.data.samples.domain import CHUNK, GLOBE, Condition, check_n, equal_area, ground, in_box, met
from earthdim.geo import EARTH_RADIUS_KM, unit_vectors

PACKING = 0.7
"""Distance that n points keep, as a share of that in the densest (hexagonal) packing.

Discs of half that distance then cover 0.7^2 * 0.907 = 44 % of the ground; darts thrown at random never cover more than
55 % of a plane (Feder 1980, doi:10.1016/0022-5193(80)90358-6).
"""
BARREN = 2**18
"""Darts in a row without room (at least, and a hundred for each point) after which there is taken to be none."""


def poisson_disc(
    n: int, rng: np.random.Generator, is_land: Condition, over: str, min_distance_km: float | None = None
) -> NDArray[np.float64]:
    """Draw `n` points by throwing darts, of which those too near to an earlier one are left out.

    Darts are uniform by area. With `min_distance_km` given, the first m points of a draw are the draw of size m; with
    the distance made from `n` they are not, but as evenly spread over the ground.

    Parameters
    ----------
    n : int
        Number of points.
    rng : numpy.random.Generator
        Source of the darts.
    is_land : callable
        Takes coordinates, shape (m, 2), degrees, and returns m booleans.
    over : {"land", "globe"}
        Whether the sea is left out. Distances are measured straight over it all the same.
    min_distance_km : float, optional
        Least distance between two points along a great circle, km. Without it, seven tenths of the distance in a
        hexagonal packing of `n` points, which always fit then.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Longitude and latitude, degrees, in the order of the darts.

    Raises
    ------
    ValueError
        If `n` is below 1, `over` is unknown, no land is found, the distance is not in (0, 20015], or `n` points do not
        fit.

    References
    ----------
    Cook (1986), Stochastic sampling in computer graphics, ACM Transactions on Graphics 5, doi:10.1145/7529.8927.
    """
    check_n(n)
    conditions = ground(over, is_land)
    if min_distance_km is None:
        min_distance_km = _distance_for(n, conditions)
    angle = min_distance_km / EARTH_RADIUS_KM
    if not 0 < angle <= np.pi:
        raise ValueError(
            f"min_distance_km must lie between 0 and half the circumference, not {min_distance_km}"
        )
    chord = 2 * np.sin(angle / 2)
    kept, vectors = np.empty((0, 2)), np.empty((0, 3))
    # The order of the darts alone decides: the size of a batch, chosen for speed, changes no point. The first is no
    # larger than a hexagonal packing of the globe, of which most pairs are far apart.
    batch, barren = max(min(n, int(8 * np.pi / np.sqrt(3) / chord**2)), 1), 0
    while len(kept) < n:
        darts = met(in_box(GLOBE, batch, rng), conditions)
        darts, arrows = _apart(darts, vectors, chord)
        kept, vectors = np.concatenate([kept, darts]), np.concatenate([vectors, arrows])
        barren = 0 if len(darts) else barren + batch
        batch = min(2 * batch, max(n, CHUNK))
        if barren >= max(BARREN, 100 * n):
            ground_name = "land" if conditions else "the globe"
            raise ValueError(
                f"min_distance_km: of {n} points only {len(kept)} found room on {ground_name},"
                f" {min_distance_km:.6g} km apart; {barren} more darts found none"
            )
    return kept[:n]


def _distance_for(n: int, conditions: tuple[Condition, ...]) -> float:
    """Return the distance, km, that `n` points can keep on the ground that meets the conditions."""
    # The share of the ground to 1 %, from 40,000 points in rows: no draw, so that it costs the stream nothing.
    rows = np.stack(np.meshgrid(np.arange(200), np.arange(200)), axis=-1).reshape(-1, 2) / 200 + 0.0025
    share = len(met(equal_area(rows), conditions)) / len(rows)
    if share == 0:
        raise ValueError(f"is_land: no land among {len(rows)} points of the globe")
    # Of a hexagonal packing with distance d, each point has sqrt(3) / 2 d^2 of the ground.
    area = 4 * np.pi * EARTH_RADIUS_KM**2 * share / n
    # A few points cannot be further apart than round the globe.
    return min(PACKING * np.sqrt(2 / np.sqrt(3) * area), np.pi * EARTH_RADIUS_KM)


def _apart(
    darts: NDArray[np.float64], earlier: NDArray[np.float64], chord: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keep the darts that are at least `chord` from all earlier points and from all kept darts before them.

    Returns their coordinates and their unit vectors.
    """
    vectors = unit_vectors(darts)
    if len(earlier) and len(darts):
        near = cKDTree(earlier).query(vectors, distance_upper_bound=chord)[0] < chord
        darts, vectors = darts[~near], vectors[~near]
    if not len(darts):
        return darts, vectors
    pairs = cKDTree(vectors).query_pairs(chord, output_type="ndarray")
    keep = np.ones(len(darts), dtype=bool)
    # Ordered by the earlier dart, whose own fate is settled when its turn comes.
    for first, second in pairs[np.argsort(pairs[:, 0], kind="stable")].tolist():
        if keep[first]:
            keep[second] = False
    return darts[keep], vectors[keep]
