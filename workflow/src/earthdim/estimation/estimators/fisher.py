"""Fisher separability (FisherS): the share of pairs that a linear discriminant cannot separate, computed in blocks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import skdim.id

from earthdim.compiled import njit
from earthdim.estimation.estimators.estimate import ArgumentError

BLOCK_BYTES = 2**25
"""Memory for one block of rows."""

TILE = 1024
"""Side of one tile of inner products, which fits into the cache."""


@dataclass
class FisherS:
    """Intrinsic dimension by Fisher separability, equal to scikit-dimension's FisherS.

    The points are centred, projected onto the leading principal components, whitened and scaled to unit length. The
    share of inseparable ordered pairs, <x, y> >= alpha <x, x>, is matched to that of a uniform sphere, whose dimension
    scikit-dimension computes. Here the pairs are counted from tiles of the matrix of inner products in a few dozen
    megabytes; each tile serves both orders of its pairs.

    Parameters
    ----------
    conditional_number : float
        Components with a variance above the largest divided by this are kept.
    project_on_sphere : bool
        Whether whitened points are scaled to unit length.
    alphas : sequence of float or None
        Ascending, inside (0, 1); None: 0.60, 0.62 .. 0.98.
    limit_maxdim : bool
        Whether the estimate is limited to the number of columns.

    Attributes
    ----------
    dimension_ : float
    components_ : int
        Number of principal components kept.
    inseparable_ : numpy.ndarray
        Number of inseparable ordered pairs at each alpha, int64.

    References
    ----------
    Albergante, L., Bac, J. and Zinovyev, A. (2019), Estimation of the effective dimensionality of clustered data
    by exploiting Fisher separability analysis, IJCNN.
    Gorban, A. N., Makarov, V. A. and Tyukin, I. Y. (2018), The unreasonable effectiveness of small neural
    ensembles in high-dimensional brain, Physics of Life Reviews 29, 55-88.
    """

    conditional_number: float
    project_on_sphere: bool
    alphas: Sequence[float] | None
    limit_maxdim: bool

    def fit(self, points: np.ndarray) -> None:
        """Estimate from points (n, d).

        Raises
        ------
        ArgumentError
            If `alphas` is not ascending inside (0, 1).
        ValueError
            If a point lies at the mean, or all points are separable.
        """
        alphas = np.arange(0.6, 1, 0.02) if self.alphas is None else np.asarray(self.alphas, dtype=np.float64)
        if (
            alphas.ndim != 1
            or not len(alphas)
            or alphas[0] <= 0
            or alphas[-1] >= 1
            or (np.diff(alphas) <= 0).any()
        ):
            raise ArgumentError(f"alphas: must ascend inside (0, 1), are {self.alphas!r}")
        whitened = whiten(points, self.conditional_number, self.project_on_sphere)
        self.components_ = whitened.shape[1]
        self.inseparable_ = count_inseparable(whitened, alphas)
        if not self.inseparable_[0]:
            raise ValueError(
                f"all {len(points)} points are separable at alpha = {alphas[0]}: "
                "a dimension this high cannot be told from so few"
            )
        reference = skdim.id.FisherS()
        reference._alphas = alphas[None]
        pairs = len(points) * (len(points) - 1)
        # Several alphas may be equally close to the reference alpha; scikit-dimension takes the largest dimension.
        value = float(reference._dimension_uniform_sphere(self.inseparable_ / pairs)[1].max())
        self.dimension_ = min(value, points.shape[1]) if self.limit_maxdim else value


def whiten(points: np.ndarray, conditional_number: float, sphere: bool) -> np.ndarray:
    """Return the leading principal components of points, each with variance 1, in bounded memory.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, d).
    conditional_number : float
        Components with a variance above the largest divided by this are kept.
    sphere : bool
        Whether rows are scaled to unit length.

    Returns
    -------
    numpy.ndarray
        Shape (n, components), float64.

    Raises
    ------
    ValueError
        If a point lies at the mean, because it has no direction.
    """
    n, d = points.shape
    mean = points.mean(axis=0)
    rows = max(1, BLOCK_BYTES // (8 * d))
    covariance = np.zeros((d, d))
    for start in range(0, n, rows):
        block = points[start : start + rows] - mean
        covariance += block.T @ block
    variances, vectors = np.linalg.eigh(covariance / (n - 1))
    kept = variances / variances[-1] > 1 / conditional_number
    axes = vectors[:, kept] / np.sqrt(variances[kept])
    whitened = np.empty((n, axes.shape[1]))
    for start in range(0, n, rows):
        whitened[start : start + rows] = (points[start : start + rows] - mean) @ axes
    length = np.sqrt(np.einsum("ij,ij->i", whitened, whitened))
    if not length.all():
        raise ValueError(
            f"point {np.argmin(length)} lies at the mean of all, and has no direction from there"
        )
    if sphere:
        whitened /= length[:, None]
    return whitened


def count_inseparable(points: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """Count the ordered pairs (x, y) of different rows with <x, y> / <x, x> >= alpha, for each alpha.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, components), float64, without zero rows.
    alphas : numpy.ndarray
        Positive, ascending.

    Returns
    -------
    numpy.ndarray
        One int64 per alpha.
    """
    lengths = np.einsum("ij,ij->i", points, points)
    # Thresholds of the first comparison, slightly lowered so that rounding has no effect on the result.
    bounds = alphas[0] * lengths * (1 - 1e-12)
    between = np.zeros(len(alphas), dtype=np.int64)
    buffer = np.empty(min(TILE, len(points)) ** 2)
    starts = range(0, len(points), TILE)
    for first in starts:
        rows = slice(first, first + TILE)
        for second in starts[first // TILE :]:
            columns = slice(second, second + TILE)
            shape = (len(lengths[rows]), len(lengths[columns]))
            products = np.matmul(
                points[rows], points[columns].T, out=buffer[: shape[0] * shape[1]].reshape(shape)
            )
            sides = (lengths[rows], lengths[columns], bounds[rows], bounds[columns])
            _count_tile(products, *sides, alphas, first == second, between)
    # A pair counts at its alpha and at all lower ones.
    return np.cumsum(between[::-1])[::-1]


@njit(error_model="numpy")
def _count_tile(products, row_length, column_length, row_bound, column_bound, alphas, diagonal, between):
    """Add to `between` the number of ordered pairs of a tile with ratios from each alpha up to the next."""
    lowest = column_bound.min()
    for i in range(products.shape[0]):
        row, bound = products[i], min(row_bound[i], lowest)
        for j in range(i + 1 if diagonal else 0, row.size):
            # Most pairs fail the first comparison and cost nothing more.
            if row[j] >= bound:
                if row[j] >= row_bound[i]:
                    _add(row[j] / row_length[i], alphas, between)
                if row[j] >= column_bound[j]:
                    _add(row[j] / column_length[j], alphas, between)


@njit()
def _add(ratio, alphas, between):
    """Count a ratio at the largest alpha that it is not below, if any."""
    low, high = 0, alphas.size
    while low < high:
        middle = (low + high) // 2
        if ratio >= alphas[middle]:
            low = middle + 1
        else:
            high = middle
    if low:
        between[low - 1] += 1
