"""Networks of many tasks and folds as one batch of matrix products, and their losses.

Points are the last axis of every activation. The layers of all networks are then contiguous batches that need no copy,
and networks with the same input share the first and widest product.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from earthdim.probing.heads.base import Target
from earthdim.probing.metrics import balanced_accuracy
from earthdim.probing.splits import Fold


class Networks:
    """One ReLU network for every fold and task.

    Parameters
    ----------
    inputs : int
        Number of features.
    hidden : list of int
        Widths of the hidden layers.
    outputs : list of int
        Number of outputs of each task.
    folds : int
        Number of folds.
    seed : int
        Seed of the initial weights.
    """

    def __init__(self, inputs: int, hidden: Sequence[int], outputs: Sequence[int], folds: int, seed: int):
        self.folds, self.tasks, self.depth = folds, len(outputs), len(hidden)
        drawn = [
            [initial_weights([inputs, *hidden, out], [seed, f]) for out in outputs] for f in range(folds)
        ]
        # Hidden layers of all networks, shape (folds * tasks, out, in), then each task's last, (folds, out, in).
        self.weights = [
            torch.stack([network[layer] for fold in drawn for network in fold]) for layer in range(self.depth)
        ]
        self.weights += [torch.stack([fold[task][-1] for fold in drawn]) for task in range(self.tasks)]
        self.biases = [torch.zeros(*weight.shape[:2], 1) for weight in self.weights]
        for parameter in (*self.weights, *self.biases):
            parameter.requires_grad_()

    def forward(self, features: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Run every network on the points of its fold.

        Parameters
        ----------
        features : Tensor, shape (folds, points, inputs)

        Returns
        -------
        hidden : Tensor, shape (folds, tasks, width, points)
            The last hidden layer.
        outputs : list of Tensor, shape (folds, outputs, points)
            For each task.
        """
        folds, points, inputs = features.shape
        active = torch.bmm(self.weights[0].reshape(folds, -1, inputs), features.transpose(1, 2))
        active = active.view(folds * self.tasks, -1, points).add_(self.biases[0]).relu_()
        for layer in range(1, self.depth):
            active = torch.bmm(self.weights[layer], active).add_(self.biases[layer]).relu_()
        hidden = active.view(folds, self.tasks, -1, points)
        last = zip(self.weights[self.depth :], self.biases[self.depth :], hidden.unbind(dim=1), strict=True)
        return hidden, [torch.bmm(weight, inputs).add_(bias) for weight, bias, inputs in last]

    def only(self, fold: int) -> "Networks":
        """Return the networks of one fold, sharing memory."""
        part = self._shell(1)
        part.weights, part.biases = (
            [
                parameter[fold * per : (fold + 1) * per]
                for parameter, per in zip(kind, self._per_fold(), strict=True)
            ]
            for kind in (self.weights, self.biases)
        )
        return part

    def copy(self) -> "Networks":
        """Return a deep copy of the networks, without gradients."""
        part = self._shell(self.folds)
        part.weights, part.biases = (
            [parameter.detach().clone() for parameter in kind] for kind in (self.weights, self.biases)
        )
        return part

    @torch.no_grad()
    def take(self, other: "Networks", chosen: Tensor) -> None:
        """Replace the networks selected by `chosen`, shape (folds, tasks), with those of `other`."""
        masks = [chosen.reshape(-1)] * self.depth + [chosen[:, task] for task in range(self.tasks)]
        for mine, theirs in ((self.weights, other.weights), (self.biases, other.biases)):
            for to, source, mask in zip(mine, theirs, masks, strict=True):
                to[mask] = source[mask]

    def _per_fold(self) -> list[int]:
        return [self.tasks] * self.depth + [1] * self.tasks

    def _shell(self, folds: int) -> "Networks":
        part = object.__new__(Networks)
        part.folds, part.tasks, part.depth = folds, self.tasks, self.depth
        return part


def initial_weights(sizes: list[int], seed: list[int]) -> list[Tensor]:
    """Draw the weights of one network, shapes (out, in), uniform and scaled for ReLU; biases start at 0.

    Networks of different tasks have the same hidden weights, independently of the other tasks in the batch.
    """
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
    weights = []
    for layer, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        gain = 1 if layer == len(sizes) - 1 else 2
        bound = np.sqrt(3 * gain / inputs)
        weights.append((2 * torch.rand(outputs, inputs, generator=generator) - 1) * bound)
    return weights


class AdamW:
    """Adam with decoupled weight decay, as in torch, whose own class takes more than a CPU-second to construct.

    Constructing torch's class imports its compiler.

    Parameters
    ----------
    weights, biases : list of Tensor
        Updated in place.
    weight_decay : float
        Decay of the weights; biases have none.

    References
    ----------
    Kingma and Ba (2015), Adam, ICLR, arXiv:1412.6980; Loshchilov and Hutter (2019), Decoupled Weight Decay
    Regularization, ICLR, arXiv:1711.05101.
    """

    def __init__(self, weights: list[Tensor], biases: list[Tensor], weight_decay: float):
        self.parameters = [*weights, *biases]
        self.decay = [weight_decay] * len(weights) + [0.0] * len(biases)
        self.mean = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.square = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.taken = 0

    def step(self, loss: Tensor, learning_rate: float) -> None:
        """Take one step down the gradient of `loss`."""
        self.taken += 1
        first, second = 1 - 0.9**self.taken, (1 - 0.999**self.taken) ** 0.5
        gradients = torch.autograd.grad(loss, self.parameters)
        held = zip(self.parameters, gradients, self.mean, self.square, self.decay, strict=True)
        with torch.no_grad():
            for parameter, gradient, mean, square, decay in held:
                mean.lerp_(gradient, 0.1)
                square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
                # Reuse the gradient's memory, so that all data of the step stays in the cache.
                spread = torch.sqrt(square, out=gradient).add_(1e-8 * second)
                parameter.mul_(1 - learning_rate * decay)
                parameter.addcdiv_(mean, spread, value=-learning_rate * second / first)


@dataclass(frozen=True)
class Loss:
    """Loss of the networks of one task, over all folds.

    Attributes
    ----------
    target : Target
    outputs : int
        1, or the number of classes.
    labels : Tensor
        Regression: float32, shape (folds, n), standardised on the training rows of each fold. Classification: int64,
        shape (n,), 0 for points without a label.
    labelled : Tensor of float32, shape (n,)
        1 for labelled points, otherwise 0.
    offset, scale : ndarray, shape (folds,)
        Mean and standard deviation of regression labels, removed before training.
    absent : Tensor of bool, shape (folds, classes, 1)
        Classes that do not occur in the training rows of a fold.
    """

    target: Target
    outputs: int
    labels: Tensor
    labelled: Tensor
    offset: NDArray[np.float64]
    scale: NDArray[np.float64]
    absent: Tensor

    @classmethod
    def of(cls, target: Target, folds: list[Fold]) -> "Loss":
        """Prepare the labels of a task for the first inner fold of every fold."""
        y = target.values
        fits = [target.labelled(fold.inner[0][0]) for fold in folds]
        if target.kind == "regression":
            offset = np.array([y[fit].mean() for fit in fits])
            scale = np.array([y[fit].std() for fit in fits])
            scale[scale == 0] = 1
            labels = torch.from_numpy((y - offset[:, None]) / scale[:, None]).float()
            return cls(
                target, 1, labels, torch.ones(len(y)), offset, scale, torch.zeros(len(folds), 1, 1).bool()
            )
        absent = np.stack([np.bincount(y[fit], minlength=target.classes) == 0 for fit in fits])
        labels = torch.from_numpy(np.maximum(y, 0))
        labelled = torch.from_numpy((y >= 0).astype(np.float32))
        nothing = np.empty(0)
        return cls(
            target, target.classes, labels, labelled, nothing, nothing, torch.from_numpy(absent[:, :, None])
        )

    def __call__(self, output: Tensor, rows: Tensor) -> Tensor:
        """Return the sum over folds of the mean loss over labelled points.

        Parameters
        ----------
        output : Tensor, shape (folds, outputs, points)
        rows : Tensor of int64, shape (folds, points)
        """
        if self.target.kind == "regression":
            return (output[:, 0] - self.labels.gather(1, rows)).square().mean(dim=1).sum()
        each = cross_entropy(output.masked_fill(self.absent, -torch.inf), self.labels[rows], reduction="none")
        weight = self.labelled[rows]
        return ((each * weight).sum(dim=1) / weight.sum(dim=1).clamp_min(1)).sum()

    def read(self, output: Tensor, fold: int) -> NDArray:
        """Return the predictions encoded by the output of one fold, shape (outputs, points)."""
        if self.target.kind == "regression":
            return output[0].double().numpy() * self.scale[fold] + self.offset[fold]
        return output.masked_fill(self.absent[fold], -torch.inf).argmax(dim=0).numpy()

    def score(self, output: Tensor, fold: int, rows: NDArray[np.int64]) -> float:
        """Return the primary metric of one fold's output at `rows`; for regression minus the mean squared error."""
        y, predicted = self.target.values[rows], self.read(output, fold)
        if self.target.kind == "regression":
            return -float(np.mean((predicted - y) ** 2))
        known = (y >= 0) & ~self.absent[fold, :, 0].numpy()[np.maximum(y, 0)]
        return balanced_accuracy(y[known], predicted[known])
