"""Shuffled pairs: the control in which observations do not belong to their locations."""

from collections.abc import Mapping, Sequence

import numpy as np

# Appended to the seed.
SHUFFLING = 3


def shuffled(
    features: Mapping[str, np.ndarray], groups: Sequence[np.ndarray], seed: int
) -> dict[str, np.ndarray]:
    """Permute the features once within each group of rows, all sources alike.

    Sources of one location stay together, and every group keeps its own observations, so that losses are comparable
    with those of true pairs.

    Parameters
    ----------
    features : mapping of ndarray (n, w)
        Features by source.
    groups : sequence of int ndarray
        Rows of training, and of each set of held-out locations; disjoint.
    seed : int
        Seed of the variant.
    """
    rng = np.random.default_rng([seed, SHUFFLING])
    order = np.arange(len(next(iter(features.values()))))
    for rows in groups:
        order[rows] = rng.permutation(rows)
    return {source: values[order] for source, values in features.items()}
