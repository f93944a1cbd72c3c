"""Downstream performance of fixed embeddings, for all tasks, splits and heads."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from earthdim.geo import check_lonlat
from earthdim.omissions import OmittedError, left_out
from earthdim.probing.heads.base import Head, OutOfFold, Target, standardise
from earthdim.probing.metrics import BlockBootstrap, Score, classification_scores, regression_scores
from earthdim.probing.splits import Fold, Split
from earthdim.storage.schema import SCORE


@dataclass(frozen=True)
class ProbeResult:
    """Scores and activations of all tasks, splits and heads.

    Attributes
    ----------
    rows : DataFrame
        One row for each task, split, head and metric, with `SCORE`. Each task has one primary metric. `value` is
        computed once from all out-of-fold predictions, `low` and `high` are the ends of its interval (empty if there is
        none, with the reason in `note`), and `n` is the number of points scored.
    activations : dict
        (task, split, head) to a list of float32 arrays, shape (n_test, width), one per fold: the last hidden layer at
        the test points. Heads without a hidden layer have no entry.
    places : dict
        Split to a list of arrays, shape (n_test, 2), one per fold: coordinates of the test points, degrees.
    left_out : DataFrame
        One row for each split that does not apply to these points, task that cannot be learnt in a split, head that
        cannot be fitted to a task, and interval that cannot be computed; see `earthdim.omissions.left_out`.
    """

    rows: pd.DataFrame
    activations: dict[tuple[str, str, str], list[NDArray[np.float32]]]
    places: dict[str, list[NDArray[np.float64]]]
    left_out: pd.DataFrame


def probe(
    X: NDArray[np.float32],
    lonlat: ArrayLike,
    labels: Mapping[str, tuple[str, ArrayLike]],
    splits: Mapping[str, Split],
    heads: Mapping[str, Head],
    seed: int,
    intervals: BlockBootstrap,
) -> ProbeResult:
    """Score embeddings by heads that are fitted on training folds and evaluated on test folds.

    Splits, tasks and heads that cannot be applied to the points are left out and reported; all others are scored.

    Parameters
    ----------
    X : ndarray of float32, shape (n, d)
        Embeddings.
    lonlat : array_like, shape (n, 2)
        Their coordinates, degrees.
    labels : dict
        Task name to its kind and labels, shape (n,): ``regression`` with finite float values, or ``classification``
        with integer codes and -1 for points without a label. Points without a label are left out of the task, and so
        are classes with fewer members than the split's `smallest_class`.
    splits, heads : dict
        Name to split, name to head. A head is applied to tasks of its kinds.
    seed : int
        Seed of the heads.
    intervals : BlockBootstrap
        Computes the intervals of the scores.

    Raises
    ------
    ValueError
        If the arguments are inconsistent, or a value is not finite.
    """
    lonlat = check_lonlat(lonlat)
    X = np.asarray(X, dtype=np.float32)
    if X.ndim != 2 or len(X) != len(lonlat):
        raise ValueError(f"X must have the shape ({len(lonlat)}, d), one row for each point, not {X.shape}")
    if not np.isfinite(X).all():
        raise ValueError("X: some embeddings are not finite")
    places = {}
    run = _Run(X, labels, heads, seed, intervals, intervals.blocks(lonlat))
    for name, split in splits.items():
        try:
            folds = split.nested(lonlat)
        except OmittedError as error:
            run.leave_out("split", name, error, split=name, n=len(X))
            continue
        places[name] = [lonlat[fold.test] for fold in folds]
        run.split(name, split.smallest_class, folds)
    rows = pd.DataFrame(run.rows, columns=list(SCORE))
    return ProbeResult(rows, run.activations, places, left_out(run.omitted))


class _Run:
    """Collects scores and omissions split by split; the arguments are those of `probe`."""

    def __init__(
        self,
        X: NDArray[np.float32],
        labels: Mapping[str, tuple[str, ArrayLike]],
        heads: Mapping[str, Head],
        seed: int,
        intervals: BlockBootstrap,
        block: NDArray[np.int64],
    ):
        self.X, self.labels, self.heads, self.seed = X, labels, heads, seed
        self.intervals, self.block = intervals, block
        self.rows, self.omitted = [], []
        self.activations = {}

    def leave_out(self, what: str, name: str, reason: OmittedError | str, **at: object) -> None:
        self.omitted.append({"table": "probe", "what": what, "name": name, **at, "reason": str(reason)})

    def split(self, name: str, smallest_class: int, folds: list[Fold]) -> None:
        """Score all heads on all tasks that can be learnt in this split."""
        features = standardise(self.X, folds)
        targets = {}
        for task, (kind, values) in self.labels.items():
            try:
                target = make_target(task, kind, values, len(self.X), smallest_class)
                check_folds(target, folds)
                targets[task] = target
            except OmittedError as error:
                self.leave_out("task", task, error, task=task, split=name, n=len(self.X))
        for head_name, head in self.heads.items():
            fitting = {task: target for task, target in targets.items() if target.kind in head.kinds}
            for task, out in self._fitted(head_name, head, features, folds, fitting, name).items():
                self._score({"task": task, "split": name, "head": head_name}, fitting[task], out, folds)

    def _fitted(
        self,
        head_name: str,
        head: Head,
        features: NDArray[np.float32],
        folds: list[Fold],
        targets: Mapping[str, Target],
        split: str,
    ) -> dict[str, OutOfFold]:
        """Return the predictions of all tasks at once; if this fails, fit each task separately."""
        if not targets:
            return {}
        try:
            return head.out_of_fold(features, folds, targets, self.seed)
        except OmittedError as error:
            if len(targets) == 1:
                (task,) = targets
                at = {"task": task, "split": split, "head": head_name}
                self.leave_out("head", head_name, error, **at, n=len(self.X))
                return {}
        single = ({task: target} for task, target in targets.items())
        found = (self._fitted(head_name, head, features, folds, one, split) for one in single)
        return {task: out for one in found for task, out in one.items()}

    def _score(self, at: dict[str, str], target: Target, out: OutOfFold, folds: list[Fold]) -> None:
        try:
            scores = score_task(target, out, folds, self.block, self.intervals)
        except OmittedError as error:
            self.leave_out("head", at["head"], error, **at, n=len(self.X))
            return
        self.rows += [{**at, **vars(score), "folds": len(folds)} for score in scores]
        for note in dict.fromkeys(score.note for score in scores if score.note):
            metrics = ", ".join(score.metric for score in scores if score.note == note)
            self.leave_out("interval", metrics, note, **at, n=len(self.X))
        if out.activations is not None:
            self.activations[at["task"], at["split"], at["head"]] = out.activations


def check_folds(target: Target, folds: list[Fold]) -> None:
    """Check that a classification task can be fitted and validated in every fold.

    Raises
    ------
    OmittedError
        If in some fold no labelled point is fitted, or no validation point belongs to a fitted class.
    """
    for number, fold in enumerate(folds if target.kind == "classification" else ()):
        fit, check = (target.values[target.labelled(rows)] for rows in fold.inner[0])
        if not np.isin(check, fit).any():
            raise OmittedError(
                f"labels: fold {number} has no point to choose by whose class is among those that a head is fitted to"
            )


def make_target(task: str, kind: str, values: ArrayLike, n: int, smallest_class: int) -> Target:
    """Check the labels of a task, drop its small classes, and number the others from 0.

    Raises
    ------
    ValueError
        If the labels do not match `kind`, or are not finite.
    OmittedError
        If they cannot be learnt because they are constant or fewer than two classes are large enough.
    """
    values = np.asarray(values)
    if values.shape != (n,):
        raise ValueError(f"labels: {task} must have one label for each of {n} points, not {values.shape}")
    if kind == "regression":
        values = values.astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError(f"labels: {task} has a value that is not finite")
        if np.ptp(values) == 0:
            raise OmittedError(f"labels: {task} is constant, which leaves R2 without a meaning")
        return Target(kind, values)
    if kind != "classification":
        raise ValueError(f"kind: {task} must be regression or classification, not {kind!r}")
    if not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"labels: {task} must have integer class codes, not {values.dtype}")
    classes, size = np.unique(values[values >= 0], return_counts=True)
    classes = classes[size >= smallest_class]
    if len(classes) < 2:
        raise OmittedError(
            f"smallest_class: {task} has {len(classes)} classes of {smallest_class} or more members"
        )
    place = np.searchsorted(classes, values).clip(max=len(classes) - 1)
    return Target(kind, np.where(classes[place] == values, place, -1).astype(np.int64))


def score_task(
    target: Target, out: OutOfFold, folds: list[Fold], block: NDArray[np.int64], intervals: BlockBootstrap
) -> list[Score]:
    """Score the pooled out-of-fold predictions of one task, primary metric first.

    Parameters
    ----------
    target : Target
    out : OutOfFold
    folds : list of Fold
    block : ndarray of int64, shape (n,)
        From `BlockBootstrap.blocks`.
    intervals : BlockBootstrap
    """
    if target.kind == "regression":
        return regression_scores(target.values, out.values, block, intervals)
    known = np.zeros(len(target.values), dtype=bool)
    for fold in folds:
        known[fold.test] = np.isin(target.values[fold.test], target.values[target.labelled(fold.train)])
    rows = target.labelled(np.arange(len(target.values)))
    return classification_scores(target.values[rows], out.values[rows], known[rows], block[rows], intervals)
