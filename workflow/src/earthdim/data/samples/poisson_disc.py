"""Random points with a minimum distance from each other."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from earthdim.data.samples.domain import CHUNK, GLOBE, Condition, check_n, equal_area, ground, in_box, met
from earthdim.geo import EARTH_RADIUS_KM, unit_vectors

PACKING = 0.7
"""Default distance of n points, as a fraction of that in the densest (hexagonal) packing.

Discs of half that distance cover 0.7^2 * 0.907 = 44 % of the ground; random sequential addition covers at most 55 % of
a plane (Feder 1980, doi:10.1016/0022-5193(80)90358-6).
"""
BARREN = 2**18
"""Consecutive rejected darts after which sampling fails: at least this number, and a hundred per point."""


def poisson_disc(
    n: int, rng: np.random.Generator, is_land: Condition, over: str, min_distance_km: float | None = None
) -> NDArray[np.float64]:
    """Draw `n` points by dart throwing: a dart too close to an earlier point is rejected.

    Darts are uniform by area. With a given `min_distance_km`, the first m points equal the sample of size m; with the
    default distance, which depends on `n`, they do not, but they cover the ground as evenly.

    Parameters
    ----------
    n, rng, is_land, over
        See `earthdim.data.samples`. Distances are great-circle distances, also across the sea.
    min_distance_km : float, optional
        Least distance between two points along a great circle, km. By default seven tenths of the distance in a
        hexagonal packing of `n` points, at which they always fit.

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
    # The points depend only on the order of the darts, not on the batch size, which is chosen for speed. The first
    # batch is no larger than a hexagonal packing of the globe, so that few pairs are close.
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
                f"min_distance_km: only {len(kept)} of {n} points fit on {ground_name} at a distance of"
                f" {min_distance_km:.6g} km; {barren} more darts were rejected"
            )
    return kept[:n]


def _distance_for(n: int, conditions: tuple[Condition, ...]) -> float:
    """Return the distance, km, that `n` points can keep on the ground that meets the conditions."""
    # Area fraction to 1 %, from a fixed grid of 40,000 points, which does not consume random numbers.
    rows = np.stack(np.meshgrid(np.arange(200), np.arange(200)), axis=-1).reshape(-1, 2) / 200 + 0.0025
    share = len(met(equal_area(rows), conditions)) / len(rows)
    if share == 0:
        raise ValueError(f"is_land: no land among {len(rows)} points of the globe")
    # In a hexagonal packing with distance d, each point occupies the area sqrt(3) / 2 d^2.
    area = 4 * np.pi * EARTH_RADIUS_KM**2 * share / n
    # Two points are at most half the circumference apart.
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
    # In the order of the earlier dart: whether it is kept is then already decided.
    for first, second in pairs[np.argsort(pairs[:, 0], kind="stable")].tolist():
        if keep[first]:
            keep[second] = False
    return darts[keep], vectors[keep]
