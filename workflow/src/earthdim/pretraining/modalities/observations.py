"""Combination of the features of a modality's sources into the observation matrix of an objective."""

import math
from collections.abc import Mapping

import numpy as np


def standardise(features: Mapping[str, np.ndarray], training_rows: np.ndarray) -> np.ndarray:
    """Concatenate the features of all sources, giving each source the same share of the variance.

    Parameters
    ----------
    features : mapping of ndarray (n, w)
        Features by source; the widths may differ.
    training_rows : int ndarray
        Rows over which mean and standard deviation are computed.

    Returns
    -------
    observations : float32 ndarray (n, W)
        W is the sum of the widths. Over the training rows every column has mean 0, all columns of a source have the
        same variance, and the variances of a source sum to W divided by the number of sources. Constant columns become
        0.

    Raises
    ------
    ValueError
        If there is no source, or a source is not finite or constant.
    """
    _require_sources(features)
    total = sum(values.shape[1] for values in features.values())
    columns = []
    for source, values in features.items():
        if not np.isfinite(values).all():
            raise ValueError(f"sources.{source}: its features are not finite")
        mean, spread = (stat(values[training_rows], 0, dtype=np.float64) for stat in (np.mean, np.std))
        # The computed spread of a constant column is the rounding error of its mean, not 0.
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
        By source, 1 where a class was observed at a location and 0 elsewhere.

    Returns
    -------
    presences : float32 ndarray (n, W)
        W is the sum of the widths.

    Raises
    ------
    ValueError
        If there is no source, or a source has values other than 0 and 1.
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
