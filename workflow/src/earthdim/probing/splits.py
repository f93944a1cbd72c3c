"""Splits of points into training and test folds, random or by spatial blocks.

Inner folds, on which a head selects its hyperparameters, use the rule of the outer split. A penalty selected on random
inner folds would favour interpolation between neighbours, which a split by blocks does not test.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earthdim.geo import EARTH_RADIUS_KM, equal_area_blocks, within_km
from earthdim.omissions import OmittedError

Pair = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Training rows and test rows, each ascending."""


@dataclass(frozen=True)
class Fold:
    """One outer fold with its inner folds; all rows refer to the whole point set.

    Attributes
    ----------
    train, test : ndarray of int64
    inner : list of (ndarray, ndarray)
        Rows to fit and rows to validate, both within `train`.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    inner: list[Pair]


class Split(ABC):
    """Base class of splits: a rule that cuts points into folds, with every point tested exactly once.

    Parameters
    ----------
    folds : int
        Number of outer folds, at least 2.
    inner_folds : int
        Number of inner folds within a training fold, at least 2.
    smallest_class : int
        Classes with fewer members are left out of a classification task, at least 1.
    seed : int
        Seed of the folds.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    def __init__(self, *, folds: int, inner_folds: int, smallest_class: int, seed: int):
        for name, value, least in (
            ("folds", folds, 2),
            ("inner_folds", inner_folds, 2),
            ("smallest_class", smallest_class, 1),
        ):
            if value < least:
                raise ValueError(f"{name} must be at least {least}, not {value}")
        self.number, self.inner_number = folds, inner_folds
        self.smallest_class = smallest_class
        self.seed = seed

    @abstractmethod
    def _cut(self, lonlat: NDArray, number: int, rng: np.random.Generator) -> list[Pair]:
        """Cut points into `number` folds."""

    def folds(self, lonlat: NDArray) -> list[Pair]:
        """Return training and test rows of every outer fold.

        Parameters
        ----------
        lonlat : ndarray, shape (n, 2)
            Degrees.

        Raises
        ------
        OmittedError
            If there are too few points or blocks, or the buffer removes all training points.
        """
        return self._cut(lonlat, self.number, np.random.default_rng(self.seed))

    def inner(self, lonlat_train: NDArray, seed: int) -> list[Pair]:
        """Return rows to fit and to validate, relative to one training fold.

        Parameters
        ----------
        lonlat_train : ndarray, shape (m, 2)
            Points of the training fold, degrees.
        seed : int
            Differs between the training folds of one split.

        Raises
        ------
        OmittedError
            As `folds`.
        """
        return self._cut(lonlat_train, self.inner_number, np.random.default_rng([self.seed, seed]))

    def nested(self, lonlat: NDArray) -> list[Fold]:
        """Return every outer fold with its inner folds."""
        nested = []
        for number, (train, test) in enumerate(self.folds(lonlat)):
            inner = self.inner(lonlat[train], seed=number)
            nested.append(Fold(train, test, [(train[fit], train[check]) for fit, check in inner]))
        return nested


class RandomFolds(Split):
    """Folds of nearly equal size, drawn at random point by point."""

    def __init__(self, *, folds: int, inner_folds: int, smallest_class: int, seed: int):
        super().__init__(folds=folds, inner_folds=inner_folds, smallest_class=smallest_class, seed=seed)

    def _cut(self, lonlat: NDArray, number: int, rng: np.random.Generator) -> list[Pair]:
        if len(lonlat) < number:
            raise OmittedError(f"folds: {len(lonlat)} points cannot be cut into {number} folds")
        fold = np.empty(len(lonlat), dtype=np.int64)
        fold[rng.permutation(len(lonlat))] = np.arange(len(lonlat)) % number
        return [(np.flatnonzero(fold != one), np.flatnonzero(fold == one)) for one in range(number)]


class SpatialBlocks(Split):
    """Folds of whole equal-area blocks, with a buffer between training and test points.

    Parameters
    ----------
    folds, inner_folds, smallest_class, seed : int
        As `Split`.
    degrees : float
        Side of a block at the equator, degrees.
    buffer_km : float
        Training points within this great-circle distance of a test point are dropped, km; 0 drops none.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Roberts et al. (2017), Cross-validation strategies for data with temporal, spatial, hierarchical, or phylogenetic
    structure, Ecography 40, 913-929, doi:10.1111/ecog.02881.
    """

    def __init__(
        self,
        *,
        folds: int,
        inner_folds: int,
        degrees: float,
        buffer_km: float,
        smallest_class: int,
        seed: int,
    ):
        super().__init__(folds=folds, inner_folds=inner_folds, smallest_class=smallest_class, seed=seed)
        if not 0 <= buffer_km < np.pi * EARTH_RADIUS_KM:
            raise ValueError(
                f"buffer_km must be at least 0 and below half the Earth's circumference, not {buffer_km}"
            )
        self.degrees, self.buffer_km = degrees, buffer_km

    def _cut(self, lonlat: NDArray, number: int, rng: np.random.Generator) -> list[Pair]:
        fold = self._draw(equal_area_blocks(lonlat, self.degrees), number, rng)
        pairs = []
        for one in range(number):
            test = np.flatnonzero(fold == one)
            train = np.flatnonzero(fold != one)
            train = train[~within_km(lonlat[train], lonlat[test], self.buffer_km)]
            if len(train) == 0:
                raise OmittedError(f"buffer_km: {self.buffer_km} km leaves a fold without training points")
            pairs.append((train, test))
        return pairs

    def _draw(self, block: NDArray, number: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the fold of every point: blocks in random order, each assigned to the fold with the fewest points."""
        _, block, size = np.unique(block, return_inverse=True, return_counts=True)
        if len(size) < number:
            raise OmittedError(
                f"degrees: the points lie in {len(size)} blocks of {self.degrees} degrees, too few for {number} folds"
            )
        # The first blocks go to one fold each, so that no fold is empty even if one block holds most points.
        of_block = np.empty(len(size), dtype=np.int64)
        points = np.zeros(number, dtype=np.int64)
        for place, one in enumerate(rng.permutation(len(size))):
            of_block[one] = place if place < number else np.argmin(points)
            points[of_block[one]] += size[one]
        return of_block[block]
