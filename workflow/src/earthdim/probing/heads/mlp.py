"""Multilayer perceptron, the nonlinear head for all kinds of task.

The networks of all tasks and folds are trained together as one batch of matrix products. They share no weights and no
loss, so each is trained as it would be alone.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earthdim.probing.heads.base import Head, OutOfFold, Target, check_positive
from earthdim.probing.heads.batched import AdamW, Loss, Networks
from earthdim.probing.splits import Fold


class MLP(Head):
    """Fully connected ReLU layers, trained by AdamW with early stopping.

    Minimises the mean squared error of the standardised label, or the cross-entropy. The learning rate rises linearly
    during the warm-up and follows a cosine to 0. The weights with the best primary metric on the first inner fold,
    which is excluded from training, are kept. Classes absent from the training rows are never predicted.

    Parameters
    ----------
    hidden : list of int
        Widths of the hidden layers, at least one.
    steps : int
        Number of optimiser steps.
    batch : int
        Points per step; fewer if a training fold has fewer.
    learning_rate : float
        Peak learning rate.
    warmup : float
        Share of the steps with a rising learning rate, in [0, 1).
    weight_decay : float
        Weight decay of AdamW, on weights and not on biases, at least 0.
    evaluate_every : int
        Number of steps between evaluations on the inner fold.

    References
    ----------
    Loshchilov and Hutter (2019), Decoupled Weight Decay Regularization, ICLR, arXiv:1711.05101. He et al. (2015),
    Delving Deep into Rectifiers, ICCV, arXiv:1502.01852 (initial weights).
    """

    kinds: ClassVar[tuple[str, ...]] = ("regression", "classification")

    def __init__(
        self,
        *,
        hidden: list[int],
        steps: int,
        batch: int,
        learning_rate: float,
        warmup: float,
        weight_decay: float,
        evaluate_every: int,
    ):
        if not hidden or not all(width > 0 for width in hidden):
            raise ValueError(f"hidden must be positive widths, at least one, not {hidden}")
        check_positive(steps=steps, batch=batch, learning_rate=learning_rate, evaluate_every=evaluate_every)
        if not 0 <= warmup < 1:
            raise ValueError(f"warmup must be in [0, 1), not {warmup}")
        if weight_decay < 0:
            raise ValueError(f"weight_decay must be at least 0, not {weight_decay}")
        self.hidden, self.steps, self.batch = list(hidden), steps, batch
        self.peak, self.warmup, self.weight_decay = learning_rate, warmup, weight_decay
        self.evaluate_every = evaluate_every

    def out_of_fold(
        self, features: NDArray[np.float32], folds: list[Fold], targets: Mapping[str, Target], seed: int
    ) -> dict[str, OutOfFold]:
        """Train on every fold and predict its test fold, with activations. See `Head.out_of_fold`."""
        embeddings = torch.from_numpy(features)
        losses = [Loss.of(target, folds) for target in targets.values()]
        networks = Networks(
            features.shape[2], self.hidden, [loss.outputs for loss in losses], len(folds), seed
        )
        self._train(networks, embeddings, folds, losses, seed)

        values = [np.empty(features.shape[1], dtype=target.values.dtype) for target in targets.values()]
        activations: list[list[NDArray]] = [[] for _ in targets]
        with torch.no_grad():
            for number, fold in enumerate(folds):
                test = torch.from_numpy(fold.test)
                hidden, outputs = networks.only(number).forward(embeddings[number : number + 1, test])
                for task, loss in enumerate(losses):
                    values[task][fold.test] = loss.read(outputs[task][0], number)
                    activations[task].append(hidden[0, task].T.contiguous().numpy())
        found = map(OutOfFold, values, activations)
        return dict(zip(targets, found, strict=True))

    def _train(
        self, networks: Networks, features: Tensor, folds: list[Fold], losses: list[Loss], seed: int
    ) -> None:
        """Train all networks and restore the best weights of each."""
        rows = [fold.inner[0][0] for fold in folds]
        batch = min(self.batch, *map(len, rows))
        order = torch.from_numpy(
            np.stack([batch_rows(fit, self.steps, batch, [seed, f]) for f, fit in enumerate(rows)], axis=1)
        )
        optimiser = AdamW(networks.weights, networks.biases, self.weight_decay)
        best = networks.copy()
        best_score = np.full((len(folds), len(losses)), -np.inf)
        for step in range(self.steps):
            chosen = order[step]
            seen = torch.stack([x.index_select(0, r) for x, r in zip(features, chosen, strict=True)])
            _, outputs = networks.forward(seen)
            loss = sum(loss(output, chosen) for loss, output in zip(losses, outputs, strict=True))
            optimiser.step(loss, learning_rate(step, self.steps, self.peak, self.warmup))
            if (step + 1) % self.evaluate_every == 0 or step + 1 == self.steps:
                score = self._validate(networks, features, folds, losses)
                best.take(networks, torch.from_numpy(score > best_score))
                best_score = np.maximum(score, best_score)
        networks.take(best, torch.ones(best_score.shape, dtype=torch.bool))

    @torch.no_grad()
    def _validate(
        self, networks: Networks, features: Tensor, folds: list[Fold], losses: list[Loss]
    ) -> NDArray[np.float64]:
        """Return the primary metric on the first inner fold, shape (folds, tasks); R2 up to its scale."""
        score = np.empty((len(folds), len(losses)))
        for number, fold in enumerate(folds):
            rows = fold.inner[0][1]
            _, outputs = networks.only(number).forward(features[number : number + 1, torch.from_numpy(rows)])
            for task, loss in enumerate(losses):
                score[number, task] = loss.score(outputs[task][0], number, rows)
        return score


def learning_rate(step: int, steps: int, peak: float, warmup: float) -> float:
    """Return the learning rate of a step: linear warm-up times a cosine from 1 to 0 over all steps."""
    rise = min(1.0, (step + 1) / (warmup * steps)) if warmup > 0 else 1.0
    return peak * rise * 0.5 * (1 + np.cos(np.pi * step / steps))


def batch_rows(rows: NDArray[np.int64], steps: int, batch: int, seed: list[int]) -> NDArray[np.int64]:
    """Return the rows of every step, shape (steps, batch): concatenated random permutations of all rows."""
    rng = np.random.default_rng(seed)
    rounds = -(-steps * batch // len(rows))
    return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[: steps * batch].reshape(
        steps, batch
    )
