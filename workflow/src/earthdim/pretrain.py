"""Contrastive pre-training: an encoder learns to tell which observation belongs to which coordinate."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from earthdim.build import build
from earthdim.encoders import LocationEncoder
from earthdim.objectives import retrieval_top1


@dataclass(frozen=True)
class Result:
    """What pre-training leaves behind.

    Attributes
    ----------
    state : dict of Tensor
        The encoder's parameters and buffers at the best step.
    step : int
        The best step: the evaluated one of the lowest validation loss.
    val_loss : float
        Validation loss at the best step, nats; the mean over held-out batches of the schedule's size.
    val_top1 : float
        Share of the held-out observations that find their own location among the candidates, at the best
        step.
    curve : DataFrame
        One row an evaluation: step, train_loss (mean since the evaluation before), val_loss, val_top1.
    """

    state: dict[str, Tensor]
    step: int
    val_loss: float
    val_top1: float
    curve: pd.DataFrame


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
    if not features:
        raise ValueError("sources: a modality needs at least one")
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


def learning_rate_factor(step: int, steps: int, warmup_steps: int) -> float:
    """Share of the peak learning rate at a step from 1 on: linear warm-up, then cosine decay towards 0."""
    if step <= warmup_steps:
        return step / warmup_steps
    return (1 + math.cos(math.pi * (step - warmup_steps) / (steps - warmup_steps + 1))) / 2


def pretrain(
    encoder: LocationEncoder,
    features: Mapping[str, np.ndarray],
    lonlat: np.ndarray,
    validation_rows: np.ndarray,
    model: Mapping,
    schedule: Mapping,
    seed: int,
    log: Callable[[str], object],
) -> Result:
    """Train a location encoder against a learned linear projection of frozen features.

    AdamW with linear warm-up and cosine decay; no weight decay on biases, norms and the logit scale. The
    state of the lowest validation loss is kept. Two encoders that train with one seed and schedule see the
    same batches.

    Parameters
    ----------
    encoder : LocationEncoder
        Trained in place; left at its best state, in evaluation mode.
    features : mapping of ndarray (n, w)
        Frozen features of the locations by source.
    lonlat : ndarray (n, 2)
        Longitude and latitude, degrees.
    validation_rows : int ndarray
        Rows held out of training; their number is a multiple of the schedule's `batch` and `candidates`.
    model : mapping
        Of it, `objective` (a leaf) and `optimiser` (lr, weight_decay) are used.
    schedule : mapping
        A leaf of config/schedule.
    seed : int
        Fixes the projection's start, the order of the batches, and dropout.
    log : callable
        Takes one line of text at every evaluation.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If features, locations and schedule do not fit together.
    FloatingPointError
        If a loss is not finite.

    References
    ----------
    Klemmer, Rolf, Robinson, Mackey, Russwurm (2025). SatCLIP: Global, general-purpose location embeddings
    with satellite imagery. AAAI (frozen image features, a linear projection, symmetric InfoNCE, AdamW).
    """
    training_rows = np.setdiff1d(np.arange(len(lonlat)), validation_rows)
    _check(features, lonlat, training_rows, validation_rows, schedule)
    observations = torch.from_numpy(standardise(features, training_rows))
    places = torch.as_tensor(lonlat, dtype=torch.float64)
    held_out = places[validation_rows], observations[validation_rows]
    best, curve, losses = None, [], []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pair = _Pair(encoder, observations.shape[1], build(model["objective"]))
        optimiser = _adamw(pair, model["optimiser"]["weight_decay"])
        batches = _batches(training_rows, schedule["batch"], np.random.default_rng(seed))
        for step in range(1, schedule["steps"] + 1):
            factor = learning_rate_factor(step, schedule["steps"], schedule["warmup_steps"])
            rate, rows = factor * model["optimiser"]["lr"], next(batches)
            loss = _descend(pair, places[rows], observations[rows], optimiser, rate)
            losses.append(_require_finite(loss, step))
            if step % schedule["evaluate_every"] == 0 or step == schedule["steps"]:
                val_loss, val_top1 = _evaluate(pair, *held_out, schedule)
                _require_finite(val_loss, step)
                if best is None or val_loss < best["val_loss"]:
                    state = {name: value.detach().clone() for name, value in encoder.state_dict().items()}
                    best = {"state": state, "step": step, "val_loss": val_loss, "val_top1": val_top1}
                curve.append((step, float(np.mean(losses)), val_loss, val_top1))
                losses = []
                log(_progress(*curve[-1], best["step"], schedule["steps"]))
    encoder.load_state_dict(best["state"])
    encoder.eval()
    return Result(**best, curve=pd.DataFrame(curve, columns=["step", "train_loss", "val_loss", "val_top1"]))


class _Pair(nn.Module):
    """A location encoder, the projection of the observations to its dimension, and the loss of both."""

    def __init__(self, encoder: LocationEncoder, width: int, objective: nn.Module) -> None:
        super().__init__()
        self.encoder, self.objective = encoder, objective
        self.projection = nn.Linear(width, encoder.ambient_dim)

    def forward(self, places: Tensor, observations: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder(places), self.projection(observations)


def _adamw(pair: nn.Module, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW that shrinks matrices alone: vectors and scalars are biases, norms and the logit scale."""
    parameters = [parameter for parameter in pair.parameters() if parameter.requires_grad]
    matrices = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    )


def _batches(rows: np.ndarray, batch: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Batches without end: every row once an epoch in a fresh order, but for an incomplete last batch."""
    while True:
        order = rng.permutation(rows)
        for start in range(0, len(order) - batch + 1, batch):
            yield order[start : start + batch]


def _descend(
    pair: _Pair, places: Tensor, observations: Tensor, optimiser: torch.optim.Optimizer, rate: float
) -> float:
    """One step of the optimiser at a learning rate; returns the loss before it."""
    pair.train()
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad()
    loss = pair.objective(*pair(places, observations))
    loss.backward()
    optimiser.step()
    return loss.item()


@torch.no_grad()
def _evaluate(pair: _Pair, places: Tensor, observations: Tensor, schedule: Mapping) -> tuple[float, float]:
    """Loss and top-1 retrieval on held-out rows, each the mean over groups of its own size."""
    pair.eval()
    batch, candidates = schedule["batch"], schedule["candidates"]
    chunks = zip(places.split(batch), observations.split(batch), strict=True)
    embedded = [pair(*chunk) for chunk in chunks]
    loss = np.mean([pair.objective(*both).item() for both in embedded])
    locations, targets = (torch.cat(side).split(candidates) for side in zip(*embedded, strict=True))
    top1 = np.mean([retrieval_top1(*both) for both in zip(locations, targets, strict=True)])
    return float(loss), float(top1)


def _require_finite(loss: float, step: int) -> float:
    if not math.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss} at step {step}; a lower optimiser.lr may help")
    return loss


def _progress(step: int, train_loss: float, val_loss: float, val_top1: float, best: int, steps: int) -> str:
    return (
        f"step {step:>{len(str(steps))}}/{steps}  train loss {train_loss:.3f}  "
        f"val loss {val_loss:.3f}  top-1 {val_top1:6.1%}  best step {best}"
    )


def _check(
    features: Mapping[str, np.ndarray],
    lonlat: np.ndarray,
    training_rows: np.ndarray,
    validation_rows: np.ndarray,
    schedule: Mapping,
) -> None:
    """Raise ValueError unless features, locations and schedule fit together."""
    for source, values in features.items():
        if len(values) != len(lonlat):
            raise ValueError(f"sources.{source}: {len(values)} rows for {len(lonlat)} locations")
    for name in ("batch", "candidates"):
        if len(validation_rows) == 0 or len(validation_rows) % schedule[name]:
            raise ValueError(
                f"validation: {len(validation_rows)} is not a multiple of {name} {schedule[name]}"
            )
    if len(training_rows) < schedule["batch"]:
        raise ValueError(f"batch: {schedule['batch']} is more than the {len(training_rows)} locations")
    if not 0 <= schedule["warmup_steps"] < schedule["steps"]:
        raise ValueError(f"warmup_steps: {schedule['warmup_steps']} is not below steps {schedule['steps']}")
