"""Geometry of the sphere: coordinates, distances, steps on the ground, equal-area blocks.

Coordinates are arrays of longitude and latitude in degrees; angles are radians only inside the functions.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_KM = 6371.0088
"""Mean radius R1 of the GRS 80 ellipsoid, km (Moritz 2000, doi:10.1007/s001900050278)."""

ROUNDING = 2.0**-15
"""Tolerance of coordinates at a bound, degrees: the spacing of single precision at 360, 3.4 m on the ground."""


def check_lonlat(lonlat: ArrayLike) -> NDArray[np.float64]:
    """Return coordinates as float64 after checking them.

    Parameters
    ----------
    lonlat : array_like, shape (n, 2)
        Longitude in [-180, 180] and latitude in [-90, 90], degrees.

    Returns
    -------
    ndarray of float64, shape (n, 2)

    Raises
    ------
    ValueError
        If the shape is wrong or a value is not finite or out of range.
    """
    points = np.asarray(lonlat, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"lonlat must have the shape (n, 2), not {points.shape}")
    # Negated, so that a NaN, which compares false, is rejected too.
    if not np.all(np.abs(points[:, 0]) <= 180):
        raise ValueError("lonlat: a longitude is not a number in [-180, 180]")
    if not np.all(np.abs(points[:, 1]) <= 90):
        raise ValueError(
            "lonlat: a latitude is not a number in [-90, 90] (is the order longitude, latitude?)"
        )
    return points


def as_degrees(lonlat: ArrayLike, name: str = "lonlat") -> NDArray[np.float64]:
    """Normalise user-supplied coordinates: wrap longitudes to [-180, 180] and clip rounding errors at the bounds.

    Used for all coordinates from outside: tables, calls of the library, polygons and rasters.

    Parameters
    ----------
    lonlat : array_like, shape (n, 2)
        Longitude in [-180, 360] and latitude in [-90, 90], degrees; each may lie beyond by `ROUNDING`.
    name : str
        Name of the coordinates in error messages.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Longitude in [-180, 180] and latitude in [-90, 90], degrees; always a copy.

    Raises
    ------
    ValueError
        If the shape is wrong or a value is not finite or out of range.
    """
    points = np.array(lonlat, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{name} must have the shape (n, 2), not {points.shape}")
    lon, lat = points.T
    # Negated, so that a NaN, which compares false, is rejected too.
    if not np.all((lon >= -180 - ROUNDING) & (lon <= 360 + ROUNDING)):
        raise ValueError(f"{name}: a longitude is not a number in [-180, 360]")
    if not np.all(np.abs(lat) <= 90 + ROUNDING):
        raise ValueError(
            f"{name}: a latitude is not a number in [-90, 90] (is the order longitude, latitude?)"
        )
    np.clip(lat, -90, 90, out=lat)
    np.clip(lon, -180, 360, out=lon)
    lon[(lon > 180) & (lon <= 180 + ROUNDING)] = 180.0
    lon[lon > 180] -= 360
    return points


def unit_vectors(lonlat: ArrayLike) -> NDArray[np.float64]:
    """Return the unit vectors, shape (n, 3), of coordinates in degrees, shape (n, 2).

    The axes point to (0, 0), (90, 0) and the north pole.
    """
    lon, lat = np.radians(check_lonlat(lonlat)).T
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def lonlat_of(vectors: ArrayLike) -> NDArray[np.float64]:
    """Return the longitude and latitude, degrees, shape (..., 2), of vectors of any length, shape (..., 3).

    Raises
    ------
    ValueError
        If the last axis is not 3 long or a vector is zero.
    """
    xyz = np.asarray(vectors, dtype=np.float64)
    if xyz.ndim == 0 or xyz.shape[-1] != 3:
        raise ValueError(f"vectors must have the shape (..., 3), not {xyz.shape}")
    if not np.all(np.any(xyz != 0, axis=-1)):
        raise ValueError("vectors: a zero vector has no direction")
    x, y, z = np.moveaxis(xyz, -1, 0)
    return np.degrees(np.stack([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))], axis=-1))


def great_circle_km(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Return the great-circle distance, km, shape (n,), between the rows of `a` and `b`, shape (n, 2).

    Either may have a single row, which is then compared with every row of the other. The arctangent of cross
    and dot product is exact for near and for antipodal points alike.
    """
    u, v = unit_vectors(a), unit_vectors(b)
    cross = np.linalg.norm(np.cross(u, v), axis=1)
    return EARTH_RADIUS_KM * np.arctan2(cross, np.sum(u * v, axis=1))


def offset_km(lonlat: ArrayLike, east_km: ArrayLike, north_km: ArrayLike) -> NDArray[np.float64]:
    """Step from every point along its local east and north.

    The step is the exponential map: a great circle leaves the point in the direction of the offset and runs for
    its length, so that a grid of offsets covers the same ground at every latitude, across the date line and the
    poles.

    Parameters
    ----------
    lonlat : array_like, shape (n, 2)
        Points of departure, degrees. At a pole, north and east are those of the given longitude.
    east_km, north_km : array_like, shape (p,)
        Offsets on the ground, km.

    Returns
    -------
    ndarray, shape (n, p, 2)
        The points of arrival, degrees.

    Raises
    ------
    ValueError
        If `east_km` and `north_km` are not two finite vectors of one length.
    """
    east_km, north_km = np.asarray(east_km, dtype=np.float64), np.asarray(north_km, dtype=np.float64)
    if east_km.ndim != 1 or east_km.shape != north_km.shape:
        raise ValueError("east_km and north_km must be two vectors of one length")
    if not (np.isfinite(east_km).all() and np.isfinite(north_km).all()):
        raise ValueError("east_km and north_km must be finite")
    points = check_lonlat(lonlat)
    lon, lat = np.radians(points).T
    up = unit_vectors(points)
    east = np.stack([-np.sin(lon), np.cos(lon), np.zeros_like(lon)], axis=1)
    north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)], axis=1)

    angle = np.hypot(east_km, north_km) / EARTH_RADIUS_KM
    along = np.sinc(angle / np.pi) / EARTH_RADIUS_KM  # sin(angle) / length of the step, finite at 0
    arrival = (
        np.cos(angle)[:, None] * up[:, None]
        + (along * east_km)[:, None] * east[:, None]
        + (along * north_km)[:, None] * north[:, None]
    )
    return lonlat_of(arrival)


def equal_area_blocks(lonlat: ArrayLike, degrees: float) -> NDArray[np.int64]:
    """Return the number of the equal-area cell that contains each point.

    The sphere is cut into latitude bands of about equal height and every band into cells of about `degrees` on
    the ground; the band edges are then placed so that all cells have exactly the same area. Cells are near-square
    away from the poles, unlike those of a cylindrical equal-area grid.

    Parameters
    ----------
    lonlat : array_like, shape (n, 2)
        Degrees.
    degrees : float
        Side of a cell at the equator, degrees, in (0, 90].

    Returns
    -------
    ndarray of int64, shape (n,)
        Cell numbers from 0, from south to north and west to east.

    Raises
    ------
    ValueError
        If `degrees` is out of range.

    References
    ----------
    The construction is that of the sinusoidal ISCCP equal-area grid (Rossow and Garder 1984,
    doi:10.1175/1520-0450(1984)023<0341:SMAITP>2.0.CO;2), with edges moved to make it exact.
    """
    if not 0 < degrees <= 90:
        raise ValueError(f"degrees must lie in (0, 90], not {degrees}")
    lon, lat = check_lonlat(lonlat).T
    bands = round(180 / degrees)
    middle = np.radians(-90 + (np.arange(bands) + 0.5) * 180 / bands)
    columns = np.maximum(np.round(360 / degrees * np.cos(middle)), 1).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(columns)])
    edges = -1 + 2 * first / first[-1]

    band = np.clip(np.searchsorted(edges, np.sin(np.radians(lat)), side="right") - 1, 0, bands - 1)
    # The meridian 180 is the meridian -180.
    column = np.floor((lon + 180) % 360 / 360 * columns[band]).astype(np.int64)
    return first[band] + np.minimum(column, columns[band] - 1)


def scattered(lonlat: ArrayLike, km: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Move every point by a Gaussian step with standard deviation `km` eastwards and northwards.

    A step in space is projected onto the ground, so it is isotropic everywhere, including at the poles.

    Parameters
    ----------
    lonlat : array_like, shape (n, 2)
        Degrees.
    km : float
        Standard deviation of the step, km.
    rng : numpy.random.Generator
        Three normal numbers are drawn per point.

    Returns
    -------
    ndarray, shape (n, 2)
        Degrees.
    """
    vectors = unit_vectors(lonlat)
    return lonlat_of(vectors + rng.normal(scale=km / EARTH_RADIUS_KM, size=vectors.shape))


def within_km(lonlat: ArrayLike, others: ArrayLike, km: float) -> NDArray[np.bool_]:
    """Return whether each point, shape (n, 2), lies within a great-circle distance of any other point, shape (m, 2).

    With a distance of 0 no point does.
    """
    points, others = check_lonlat(lonlat), check_lonlat(others)
    if km == 0 or len(points) == 0:
        return np.zeros(len(points), dtype=bool)
    from scipy.spatial import cKDTree

    chord = 2 * np.sin(km / EARTH_RADIUS_KM / 2)
    distance, _ = cKDTree(unit_vectors(others)).query(unit_vectors(points), distance_upper_bound=chord)
    return np.isfinite(distance)


def neighbour_radius_km(lonlat: ArrayLike, k: int) -> NDArray[np.float64]:
    """Return the great-circle distance, km, shape (n,), from every point to its k-th nearest other point.

    Raises
    ------
    ValueError
        If `k` is not in [1, n - 1].
    """
    vectors = unit_vectors(lonlat)
    if not 1 <= k < len(vectors):
        raise ValueError(f"k must lie in [1, {len(vectors) - 1}], not {k}")
    # scipy takes 0.3 s to import; most jobs that use this module need no neighbours.
    from scipy.spatial import cKDTree

    # The first neighbour is the point itself, or a copy of it, at distance 0. Chords order as arcs do.
    chord = cKDTree(vectors).query(vectors, k=[k + 1])[0][:, 0]
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(chord / 2, 1))
