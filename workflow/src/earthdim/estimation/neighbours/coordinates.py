"""Single-precision coordinates of the search: along principal axes if this makes the products cheaper.

The squared distance along some orthogonal axes is a lower bound of the whole squared distance. Where the leading
principal axes of an embedding hold most of its variance, the products along these exclude almost all pairs, and the
other axes are needed for the remaining pairs only. Rotation changes no distance, and the search certifies its result in
any coordinates, so the graph does not depend on the choice.
"""

from dataclasses import dataclass

import numpy as np

from earthdim.estimation.neighbours.graph import single_precision

LEAST_POINTS = 50_000
"""Number of points below which the axes cost more than they save."""

SAMPLE, QUERIES = 4096, 256
"""Numbers of points from which the axes and the number of leading ones are determined."""

STEPS = 16
"""Number of choices for the number of leading axes."""

PAIR_COST, AXIS_COST = 2000, 18
"""Costs of a remaining pair: constant, and per other axis, in multiply-adds of a matrix product."""

LEAST_SAVING = 0.1
"""Saved share of the products that makes the rotation worth its own cost."""


@dataclass(frozen=True)
class Coordinates:
    """Centred points in single precision, in the order of the search.

    Attributes
    ----------
    low : numpy.ndarray
        Shape (m, d), float32.
    norms : numpy.ndarray
        Shape (m,), float32: squared norms.
    leading : int
        Number of columns whose products are computed for all pairs; d if the columns are those of the embedding.
    leading_norms : numpy.ndarray
        Shape (m,), float32: squared norms of these columns.
    """

    low: np.ndarray
    norms: np.ndarray
    leading: int
    leading_norms: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray, order: np.ndarray, share: float) -> "Coordinates":
        """Return the coordinates of points for a search.

        Parameters
        ----------
        points : numpy.ndarray
            Shape (m, d), float64.
        order : numpy.ndarray
            A random permutation of the rows.
        share : float
            Share of all points that are nearer to a point than the first bound of its candidates.
        """
        axes, leading = (None, points.shape[1])
        if len(points) >= LEAST_POINTS:
            axes, leading = _principal_axes(points, order, share)
        low, norms, _ = single_precision(points, order, axes)
        with np.errstate(over="ignore"):
            squared = (norms**2).astype(np.float32)
            part = squared
            if axes is not None:
                part = np.einsum("ij,ij->i", low[:, :leading], low[:, :leading], dtype=np.float64)
        return cls(low, squared, leading, part.astype(np.float32))


def _principal_axes(points: np.ndarray, order: np.ndarray, share: float) -> tuple[np.ndarray | None, int]:
    """Return the principal axes (d, d), leading first, and how many to multiply for all pairs; or None and d."""
    d = points.shape[1]
    sample = points[order[:SAMPLE]]
    sample -= sample.mean(axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        covariance = sample.T @ sample
    if not np.isfinite(covariance).all():
        return None, d
    axes = np.ascontiguousarray(np.linalg.eigh(covariance)[1][:, ::-1])
    leading = _number_of_leading(sample @ axes, share)
    return (axes, leading) if leading < d else (None, d)


def _number_of_leading(rotated: np.ndarray, share: float) -> int:
    """Return the number of leading columns with the least cost, all columns if there is no sufficient saving.

    Parameters
    ----------
    rotated : numpy.ndarray
        Shape (s, d): a random sample of points along their principal axes.
    share : float
        As in `Coordinates.of`.
    """
    s, d = rotated.shape
    queries = rotated[:QUERIES]
    every = _squared_distances(queries, rotated)
    rank = min(s - 1, int(np.ceil(share * s)))
    radius = np.partition(every, rank, axis=1)[:, [rank]]
    best, least = d, (1 - LEAST_SAVING) * d
    part, step = np.zeros_like(every), -(-d // STEPS)
    for stop in range(step, d, step):
        columns = slice(stop - step, stop)
        part += _squared_distances(queries[:, columns], rotated[:, columns])
        cost = stop + (part < radius).mean() * (PAIR_COST + AXIS_COST * (d - stop))
        if cost < least:
            best, least = stop, cost
    return best


def _squared_distances(queries: np.ndarray, others: np.ndarray) -> np.ndarray:
    squares = [np.einsum("ij,ij->i", side, side) for side in (queries, others)]
    return squares[0][:, None] + squares[1] - 2 * (queries @ others.T)
