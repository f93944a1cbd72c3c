"""From the features of a modality's sources to the one matrix that an objective is trained on."""

import math
from collections.abc import Mapping

import numpy as np


def standardise(features: Mapping[str, np.ndarray], training_rows: np.ndarray) -> np.ndarray:
    """Concatenate the sources' features, each source with the same share of the variance.

    Parameters
    ----------
    features : mapping of ndarray (n, w)
        Features by source; the widths may differ.
    training_rows : int ndarray
        The rows whose mean and standard deviation are used.

    Returns
    -------
    observations : float32 ndarray (n, W)
        W is the sum of the widths. Over the training rows every column has mean 0, all columns of a source
        have one variance, and these sum to W over the number of sources. A constant column becomes 0.

    Raises
    ------
    ValueError
        If there is no source, or one is not finite or constant.
    """
    _require_sources(features)
    total = sum(values.shape[1] for values in features.values())
    columns = []
    for source, values in features.items():
        if not np.isfinite(values).all():
            raise ValueError(f"sources.{source}: its features are not finite")
        mean, spread = (stat(values[training_rows], 0, dtype=np.float64) for stat in (np.mean, np.std))
        # A constant column's spread is the rounding of its mean, not 0.
        varies = spread > 1e-6 * np.abs(mean)
        if not varies.any():
            raise ValueError(f"sources.{source}: its features are constant")
        weight = math.sqrt(total / len(features) / np.count_nonzero(varies))
        scale = np.divide(weight, spread, out=np.zeros_like(spread), where=varies)
        columns.append(
            (values.astype(np.float32, copy=False) - mean.astype(np.float32)) * scale.astype(np.float32)
        )
    return np.hstack(columns)


def presences(features: Mapping[str, np.ndarray]) -> np.ndarray:
    """Concatenate the classes of all sources.

    Parameters
    ----------
    features : mapping of ndarray (n, w)
        By source, 1 where a class was seen at a location and 0 where it was not.

    Returns
    -------
    presences : float32 ndarray (n, W)
        W is the sum of the widths.

    Raises
    ------
    ValueError
        If there is no source, or one has anything but 0 and 1.
    """
    _require_sources(features)
    for source, values in features.items():
        if not ((values == 0) | (values == 1)).all():
            raise ValueError(
                f"sources.{source}: the objective needs classes (0 or 1), such as those of the modality climate-zones"
            )
    return np.hstack([values.astype(np.float32, copy=False) for values in features.values()])


def _require_sources(features: Mapping[str, np.ndarray]) -> None:
    if not features:
        raise ValueError("sources: a modality needs at least one")
