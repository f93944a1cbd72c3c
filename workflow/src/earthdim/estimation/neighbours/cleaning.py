"""Preparation of an embedding for distances: finite, distinct, centred points at unit spacing."""

from dataclasses import dataclass

import numpy as np

from earthdim.estimation.neighbours.exact import nearest
from earthdim.estimation.neighbours.kernels import row_hashes
from earthdim.omissions import OmittedError

UNIT_NEIGHBOUR = 20
"""Rank of the neighbour whose median distance is the unit of length of prepared points."""

UNIT_QUERIES = 512
"""Maximum number of points, evenly spaced by row, from which that unit is computed."""


@dataclass(frozen=True)
class PreparedPoints:
    """The distinct rows of an embedding, centred and rescaled to unit spacing.

    Attributes
    ----------
    points : numpy.ndarray
        Shape (m, d), float64. Columns have mean 0 over all rows before duplicates are dropped; constant columns are
        exactly 0. The median distance to the 20th neighbour is 1.
    kept : numpy.ndarray
        Shape (m,), int64, ascending: rows of the embedding that `points` corresponds to, the first of each set of
        duplicates.
    duplicates_dropped : int
        Number of dropped rows, which repeat an earlier row.
    scale : float
        Length of one unit of `points` in units of the embedding.
    centre : numpy.ndarray
        Shape (d,), float64: ``(points + centre) * scale`` are the kept rows of the embedding, up to rounding.
    """

    points: np.ndarray
    kept: np.ndarray
    duplicates_dropped: int
    scale: float
    centre: np.ndarray


def prepare(X: np.ndarray) -> PreparedPoints:
    """Drop duplicate rows, centre, and rescale to unit spacing.

    Nearest-neighbour estimators divide by distances and take logarithms, so a single pair of equal rows can make an
    estimate 0 or infinite. Some compare distances with absolute constants, so the unit of length matters too.

    Parameters
    ----------
    X : numpy.ndarray
        Shape (n, d), one row per point. Columns may be constant and rows may coincide, as in activations with dead
        units. One float64 copy is made, which becomes the result.

    Raises
    ------
    ValueError
        If `X` is not a finite matrix with at least two columns.
    OmittedError
        If all rows are equal, or if there are fewer than 22 distinct rows, which the 20th neighbour requires. It is a
        ValueError.
    """
    points = finite_matrix(X, "X", copy=True)
    if points.shape[1] < 2:
        raise ValueError(f"X: at least 2 columns are needed, there are {points.shape[1]}")
    given, least = len(points), UNIT_NEIGHBOUR + 2
    if given < least:
        raise OmittedError(f"X: at least {least} points are needed, there are {given}")
    # Scaling by a power of two is free of rounding; it prevents overflow and underflow of sums and squares.
    exponent = int(np.frexp(max(points.max(), -points.min()))[1])
    np.ldexp(points, -exponent, out=points)
    constant = np.ptp(points, axis=0) == 0
    if constant.all():
        raise OmittedError("X: all points are the same")
    centre = points.mean(axis=0)
    points -= centre
    points[:, constant] = 0.0
    kept = _distinct_rows(points)
    if len(kept) < least:
        raise OmittedError(f"X: at least {least} distinct points are needed, {len(kept)} of {given} remain")
    if len(kept) < given:
        points = points[kept]
    unit = _spacing(points)
    points /= unit
    return PreparedPoints(
        points=points,
        kept=kept,
        duplicates_dropped=given - len(kept),
        scale=float(np.ldexp(unit, exponent)),
        centre=centre / unit,
    )


def finite_matrix(values: np.ndarray, name: str, copy: bool = False) -> np.ndarray:
    """Return values as a contiguous float64 matrix; without `copy`, the array itself if it already is one."""
    make = np.array if copy else np.ascontiguousarray
    matrix = make(values, dtype=np.float64, order="C") if copy else make(values, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"{name}: must have the shape (points, features), is {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError(f"{name}: holds values that are not finite")
    return matrix


def _distinct_rows(points: np.ndarray) -> np.ndarray:
    """Return the index of the first row of each set of equal rows, ascending."""
    hashes = row_hashes(points)
    _, group, sizes = np.unique(hashes, return_inverse=True, return_counts=True)
    suspect = np.flatnonzero(sizes[group] > 1)
    if not len(suspect):
        return np.arange(len(points), dtype=np.int64)
    # Rows are compared by their bytes, many times faster than by column. Adding 0 turns -0 into +0.
    rows = np.ascontiguousarray(points[suspect] + 0.0)
    keys = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))[:, 0]
    repeated = np.ones(len(points), dtype=bool)
    repeated[suspect] = False
    repeated[suspect[np.unique(keys, return_index=True)[1]]] = True
    return np.flatnonzero(repeated).astype(np.int64)


def _spacing(points: np.ndarray) -> float:
    """Return the median distance to the 20th neighbour, over a subset of evenly spaced rows if there are many."""
    queries = np.arange(0, len(points), -(-len(points) // UNIT_QUERIES))
    return float(np.median(nearest(points, queries, UNIT_NEIGHBOUR)[0][:, -1]))
