"""Downstream performance of frozen embeddings: every task, split and head, from one array of embeddings."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from earthdim.geo import check_lonlat
from earthdim.heads.base import Head, OutOfFold, Target, standardise
from earthdim.metrics import BlockBootstrap, Score, classification_scores, regression_scores
from earthdim.splits import Fold, Split

COLUMNS = ("task", "split", "head", "metric", "primary", "value", "low", "high", "n", "folds")
"""Columns of the table of scores."""


@dataclass(frozen=True)
class ProbeResult:
    """Scores and activations of all tasks, splits and heads.

    Attributes
    ----------
    rows : DataFrame
        One row for each task, split, head and metric, with `COLUMNS`. Each task has one primary metric. `value` is
        taken once over all out-of-fold predictions, `low` and `high` are the ends of its interval, `n` is the number
        of points that the metric counts.
    activations : dict
        (task, split, head) to a list of arrays of float32, shape (n_test, width), one for each fold: the last hidden
        layer at the test points. Heads without a hidden layer have none.
    places : dict
        Split to a list of arrays, shape (n_test, 2), one for each fold: the test points' coordinates, degrees.
    """

    rows: pd.DataFrame
    activations: dict[tuple[str, str, str], list[NDArray[np.float32]]]
    places: dict[str, list[NDArray[np.float64]]]


def probe(
    X: NDArray[np.float32],
    lonlat: ArrayLike,
    labels: Mapping[str, tuple[str, ArrayLike]],
    splits: Mapping[str, Split],
    heads: Mapping[str, Head],
    seed: int,
    intervals: BlockBootstrap,
) -> ProbeResult:
    """Score embeddings by heads that are trained on some points and read at others.

    Parameters
    ----------
    X : ndarray of float32, shape (n, d)
        Embeddings.
    lonlat : array_like, shape (n, 2)
        Their coordinates, degrees.
    labels : dict
        Task name to its kind and labels, shape (n,): ``regression`` with finite float values, or ``classification``
        with integer codes and -1 where there is no label. Points without a label are left out of the task, and so
        are classes with fewer members than the split's `smallest_class`.
    splits, heads : dict
        Name to split, name to head. A head is tried on the kinds of task that it applies to.
    seed : int
        Seeds the heads.
    intervals : BlockBootstrap
        Draws the intervals of the scores.

    Raises
    ------
    ValueError
        If the arguments do not fit each other, a value is not finite, or a task cannot be learnt: a constant label,
        or fewer than two classes that are large enough.
    """
    lonlat = check_lonlat(lonlat)
    X = np.asarray(X, dtype=np.float32)
    if X.ndim != 2 or len(X) != len(lonlat):
        raise ValueError(f"X must have the shape ({len(lonlat)}, d), one row for each point, not {X.shape}")
    if not np.isfinite(X).all():
        raise ValueError("X: an embedding is not finite")
    block = intervals.blocks(lonlat)
    rows, activations, places = [], {}, {}
    for split_name, split in splits.items():
        folds = split.nested(lonlat)
        places[split_name] = [lonlat[fold.test] for fold in folds]
        features = standardise(X, folds)
        targets = {
            task: make_target(task, kind, values, len(X), split.smallest_class)
            for task, (kind, values) in labels.items()
        }
        for head_name, head in heads.items():
            fitting = {task: target for task, target in targets.items() if target.kind in head.kinds}
            found = head.out_of_fold(features, folds, fitting, seed) if fitting else {}
            for task, out in found.items():
                key = {"task": task, "split": split_name, "head": head_name}
                for score in score_task(fitting[task], out, folds, block, intervals):
                    rows.append({**key, **vars(score), "folds": len(folds)})
                if out.activations is not None:
                    activations[task, split_name, head_name] = out.activations
    return ProbeResult(pd.DataFrame(rows, columns=list(COLUMNS)), activations, places)


def make_target(task: str, kind: str, values: ArrayLike, n: int, smallest_class: int) -> Target:
    """Check the labels of a task, drop its small classes and number the others from 0.

    Raises
    ------
    ValueError
        If the labels cannot be learnt.
    """
    values = np.asarray(values)
    if values.shape != (n,):
        raise ValueError(f"labels: {task} must have one label for each of {n} points, not {values.shape}")
    if kind == "regression":
        values = values.astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError(f"labels: {task} has a value that is not finite")
        if np.ptp(values) == 0:
            raise ValueError(f"labels: {task} is constant, which leaves R2 without a meaning")
        return Target(kind, values)
    if kind != "classification":
        raise ValueError(f"kind: {task} must be regression or classification, not {kind!r}")
    if not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"labels: {task} must have integer class codes, not {values.dtype}")
    classes, size = np.unique(values[values >= 0], return_counts=True)
    classes = classes[size >= smallest_class]
    if len(classes) < 2:
        raise ValueError(
            f"smallest_class: {task} has {len(classes)} classes of {smallest_class} or more members"
        )
    place = np.searchsorted(classes, values).clip(max=len(classes) - 1)
    return Target(kind, np.where(classes[place] == values, place, -1).astype(np.int64))


def score_task(
    target: Target, out: OutOfFold, folds: list[Fold], block: NDArray[np.int64], intervals: BlockBootstrap
) -> list[Score]:
    """Score the pooled out-of-fold predictions of one task, the primary metric first.

    Parameters
    ----------
    target : Target
    out : OutOfFold
    folds : list of Fold
    block : ndarray of int64, shape (n,)
        As `BlockBootstrap.blocks`.
    intervals : BlockBootstrap
    """
    if target.kind == "regression":
        return regression_scores(target.values, out.values, block, intervals)
    known = np.zeros(len(target.values), dtype=bool)
    for fold in folds:
        known[fold.test] = np.isin(target.values[fold.test], target.values[target.labelled(fold.train)])
    rows = target.labelled(np.arange(len(target.values)))
    return classification_scores(target.values[rows], out.values[rows], known[rows], block[rows], intervals)
