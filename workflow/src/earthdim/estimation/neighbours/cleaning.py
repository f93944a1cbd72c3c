"""What distances need first: finite, distinct, centred points in units of their own spacing."""

from dataclasses import dataclass

import numpy as np

from earthdim.estimation.neighbours.exact import nearest
from earthdim.estimation.neighbours.kernels import row_hashes
from earthdim.omissions import OmittedError

UNIT_NEIGHBOUR = 20
"""The neighbour whose median distance is the unit of length of prepared points."""

UNIT_QUERIES = 512
"""The largest number of points, evenly spaced by row, whose neighbours set that unit."""


@dataclass(frozen=True)
class Prepared:
    """The distinct rows of an embedding, centred and in units of their own spacing.

    Attributes
    ----------
    points : numpy.ndarray
        Shape (m, d), float64. The columns of all rows together have mean 0; a column that was constant is exactly 0.
        The median distance to the 20th neighbour is 1.
    kept : numpy.ndarray
        Shape (m,), int64, ascending: the rows of the embedding that `points` stands for, the first of each
        set of duplicates.
    duplicates_dropped : int
        How many rows repeated an earlier one.
    scale : float
        One unit of `points` in units of the embedding.
    centre : numpy.ndarray
        Shape (d,), float64: ``(points + centre) * scale`` are the kept rows of the embedding, up to rounding.
    """

    points: np.ndarray
    kept: np.ndarray
    duplicates_dropped: int
    scale: float
    centre: np.ndarray


def prepare(X: np.ndarray) -> Prepared:
    """Drop duplicate rows, centre, and rescale by the typical spacing of the points.

    Nearest-neighbour estimators divide by distances and take logarithms, so one pair of equal rows can turn
    an estimate into 0 or infinity; some compare distances with absolute constants, so the unit matters too.

    Parameters
    ----------
    X : numpy.ndarray
        Shape (n, d), one row a point. Columns may be constant and rows may coincide, as those of the
        activations of dead units do. One copy in float64 is made, which becomes the result.

    Raises
    ------
    ValueError
        If `X` is not a finite matrix of at least two columns.
    OmittedError
        If it is constant, or has fewer than 22 distinct rows, which is what the 20th neighbour needs. It is a
        ValueError.
    """
    points = finite_matrix(X, "X", copy=True)
    if points.shape[1] < 2:
        raise ValueError(f"X: at least 2 columns are needed, there are {points.shape[1]}")
    given, least = len(points), UNIT_NEIGHBOUR + 2
    if given < least:
        raise OmittedError(f"X: at least {least} points are needed, there are {given}")
    # A power of two rescales without rounding, so that neither sums nor squares overflow or vanish below.
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
    return Prepared(
        points=points,
        kept=kept,
        duplicates_dropped=given - len(kept),
        scale=float(np.ldexp(unit, exponent)),
        centre=centre / unit,
    )


def finite_matrix(values: np.ndarray, name: str, copy: bool = False) -> np.ndarray:
    """Return a contiguous float64 matrix, the array itself where it is one and no copy is asked for."""
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
    # Adding 0 turns -0 into +0: rows are compared by their bytes, many times faster than column by column.
    rows = np.ascontiguousarray(points[suspect] + 0.0)
    keys = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))[:, 0]
    repeated = np.ones(len(points), dtype=bool)
    repeated[suspect] = False
    repeated[suspect[np.unique(keys, return_index=True)[1]]] = True
    return np.flatnonzero(repeated).astype(np.int64)


def _spacing(points: np.ndarray) -> float:
    """Return the median distance to the 20th neighbour, over evenly spaced rows where there are many."""
    queries = np.arange(0, len(points), -(-len(points) // UNIT_QUERIES))
    return float(np.median(nearest(points, queries, UNIT_NEIGHBOUR)[0][:, -1]))
