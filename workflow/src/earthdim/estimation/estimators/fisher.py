"""Fisher separability (FisherS): the share of pairs that a linear discriminant cannot separate, computed in blocks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import skdim.id

from earthdim.compiled import njit
from earthdim.estimation.estimators.estimate import ArgumentError
from earthdim.estimation.neighbours.kernels import WORD, flagged

BLOCK_BYTES = 2**25
"""Memory for one block of rows."""

TILE = 512
"""Side of one tile of inner products, which fits into the cache."""

UNIT_ROUNDOFF = 2.0**-24
"""Unit roundoff of float32."""


@dataclass
class FisherS:
    """Intrinsic dimension by Fisher separability, equal to scikit-dimension's FisherS.

    The points are centred, projected onto the leading principal components, whitened and scaled to unit length. The
    share of inseparable ordered pairs, <x, y> >= alpha <x, x>, is matched to that of a uniform sphere, whose dimension
    scikit-dimension computes. Here the pairs are counted from tiles of the matrix of inner products in a few dozen
    megabytes; each tile serves both orders of its pairs. Pairs too close to an alpha for single precision are
    computed again.

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
    squares = np.einsum("ij,ij->i", points, points)
    low = points.astype(np.float32)
    # Norms times the square root of the bound of the relative error of an inner product.
    errors = np.sqrt(squares * 2 * (points.shape[1] + 4) * UNIT_ROUNDOFF)
    counts = np.zeros(len(alphas), dtype=np.int64)
    buffer = np.empty(min(TILE, len(points)) ** 2, dtype=np.float32)
    starts = range(0, len(points), TILE)
    for first in starts:
        rows = low[first : first + TILE]
        for second in starts[first // TILE :]:
            columns = low[second : second + TILE]
            shape = (len(rows), len(columns))
            products = np.matmul(rows, columns.T, out=buffer[: shape[0] * shape[1]].reshape(shape))
            _count_tile(products, points, squares, errors, first, second, alphas, counts)
    return counts


@njit(error_model="numpy")
def _count_tile(products, points, squares, errors, first_row, first_column, alphas, counts):
    """Add the inseparable ordered pairs of a tile to `counts`.

    Parameters
    ----------
    products : ndarray (r, c), float32
        Inner products of the points from `first_row` on with those from `first_column` on, the same range or a later
        one.
    points : ndarray (n, components), float64
    squares, errors : ndarray (n,), float64
        Squared norms; factors of the bound on the error of a product.
    alphas, counts : ndarray

    References
    ----------
    Higham, N. J. (2002), Accuracy and Stability of Numerical Algorithms, 2nd edition, section 3.1: the rounding error
    of an inner product of d terms is at most d u / (1 - d u) times the product of the norms, in any order of summing.
    """
    columns = products.shape[1]
    theirs = slice(first_column, first_column + columns)
    # Bounds of the first comparison, lowered by more than their rounding.
    least = (alphas[0] * squares[theirs] * (1 - 1e-6)).astype(np.float32)
    spread = errors[theirs].astype(np.float32)
    flags = np.zeros(columns + WORD - columns % WORD, dtype=np.uint8)
    near = np.empty(flags.size, dtype=np.int32)
    ratio, error, other = np.empty(2 * columns), np.empty(2 * columns), np.empty(2 * columns, np.int64)
    for i in range(len(products)):
        me, line = first_row + i, products[i]
        mine = np.float32(alphas[0] * squares[me] * (1 - 1e-6))
        wide = np.float32(errors[me] * (1 + 1e-6))
        for j in range(columns):
            reached = line[j] + wide * spread[j]
            flags[j] = (reached >= mine) | (reached >= least[j])
        count = 0
        for t in range(flagged(flags, near)):
            j = first_column + near[t]
            if j > me:
                bound = errors[me] * errors[j]
                for side in range(2):
                    square = squares[me] if side == 0 else squares[j]
                    ratio[count], error[count] = line[near[t]] / square, bound / square
                    other[count] = j if side == 0 else -1 - j
                    count += 1
        _count_row(ratio[:count], error[:count], other, points, squares, me, alphas, counts)


@njit(error_model="numpy")
def _count_row(ratio, error, other, points, squares, me, alphas, counts):
    """Add the number of ratios not below each alpha to `counts`; those within their error of it are computed again."""
    for a in range(alphas.size):
        alpha, above, close = alphas[a], 0, 0
        for t in range(ratio.size):
            above += ratio[t] >= alpha
            close += abs(ratio[t] - alpha) <= error[t]
        if close:
            for t in range(ratio.size):
                if abs(ratio[t] - alpha) <= error[t]:
                    above += (_ratio(points, squares, me, other[t]) >= alpha) - (ratio[t] >= alpha)
        elif above == 0 and ratio.size and (ratio + error).max() < alpha:
            return
        counts[a] += above


@njit(error_model="numpy")
def _ratio(points, squares, me, other):
    """Inner product of two points divided by the squared norm of the first, or of the second if `other` is negative."""
    j = other if other >= 0 else -1 - other
    product = 0.0
    for c in range(points.shape[1]):
        product += points[me, c] * points[j, c]
    return product / (squares[me] if other >= 0 else squares[j])
