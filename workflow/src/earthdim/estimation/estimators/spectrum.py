"""Principal variances and singular values of an embedding, computed in bounded memory."""

from dataclasses import dataclass
from typing import Self

import numpy as np

BLOCK_BYTES = 2**25
"""Memory for one block of rows."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Principal variances and singular values of a set of points.

    Attributes
    ----------
    variances : numpy.ndarray
        Shape (d,), float64, descending, never negative: eigenvalues of the covariance matrix (divisor n - 1), in the
        squared unit of the points.
    singular_values : numpy.ndarray
        Shape (min(n, d),), float64, descending: singular values of the matrix of the uncentred points, in the unit of
        the points.
    n : int
        Number of points.
    fourth_moment : float
        Sum over points of the fourth power of the distance to their mean, divided by n - 1.
    """

    variances: np.ndarray
    singular_values: np.ndarray
    n: int
    fourth_moment: float

    @classmethod
    def of(cls, points: np.ndarray, centre: np.ndarray, block_bytes: int = BLOCK_BYTES) -> Self:
        """Compute the spectrum of points.

        The rows are reduced block by block to one triangular factor with the same singular values. The eigenvalues of
        the covariance matrix itself would have errors of 1e-16 times the largest, which hide the spectrum of a smooth
        encoder.

        Parameters
        ----------
        points : numpy.ndarray
            Shape (n, d), n > 1; their mean need not be 0.
        centre : numpy.ndarray
            Shape (d,): the vector that was subtracted from the embedding, in the unit of the points.
        block_bytes : int
            Memory for one block of rows; a block has at least 4 d rows.

        References
        ----------
        Demmel, J., Grigori, L., Hoemmen, M. and Langou, J. (2012), Communication-optimal parallel and
        sequential QR and LU factorizations, SIAM Journal on Scientific Computing 34, A206-A239: sequential
        TSQR.
        """
        n, d = points.shape
        mean = points.mean(axis=0)
        triangle, fourth = np.empty((0, d)), 0.0
        rows = max(4 * d, block_bytes // (8 * d))
        for start in range(0, n, rows):
            block = points[start : start + rows] - mean
            fourth += float((np.einsum("ij,ij->i", block, block) ** 2).sum())
            triangle = np.linalg.qr(np.vstack([triangle, block]), mode="r")
        variances = np.zeros(d)
        centred = np.linalg.svd(triangle, compute_uv=False)
        variances[: len(centred)] = centred**2 / (n - 1)
        # Centring is undone by one additional row: X'X = C'C + n m m' for the mean m of X.
        raw = np.vstack([triangle, np.sqrt(n) * (mean + centre)])
        return cls(
            variances=variances,
            singular_values=np.linalg.svd(raw, compute_uv=False)[: min(n, d)],
            n=n,
            fourth_moment=fourth / (n - 1),
        )
