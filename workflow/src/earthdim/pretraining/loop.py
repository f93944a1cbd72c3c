"""The training loop shared by all objectives: fits an encoder to modality features at locations."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from earthdim.build import build
from earthdim.encoders.location import LocationEncoder
from earthdim.pretraining.augmentation import Augmentation
from earthdim.pretraining.objectives.base import Batch, Objective
from earthdim.pretraining.optimiser import AdamW
from earthdim.pretraining.rows import Rows
from earthdim.pretraining.validation import COLUMNS, Losses, Validation, check
from earthdim.progress import Progress

# Appended to the seed for the objective's random stream in training.
TRAINING = 1


@dataclass(frozen=True)
class TrainingResult:
    """Result of pre-training.

    Attributes
    ----------
    state : dict of Tensor
        Parameters and buffers of the encoder at the best step.
    step : int
        The best step: the evaluated step with the lowest loss in the regions or, without them, near the training
        locations.
    losses : Losses
        Those at the best step.
    curve : DataFrame
        One row per evaluation: step, train_loss (mean since the previous evaluation) and the fields of `Losses`.
    """

    state: dict[str, Tensor]
    step: int
    losses: Losses
    curve: pd.DataFrame


def learning_rate_factor(step: int, steps: int, warmup_steps: int) -> float:
    """Learning rate of a step, counted from 1, relative to its peak: linear warm-up, then cosine decay towards 0."""
    if step <= warmup_steps:
        return step / warmup_steps
    return (1 + math.cos(math.pi * (step - warmup_steps) / (steps - warmup_steps + 1))) / 2


def pretrain(
    encoder: LocationEncoder,
    features: Mapping[str, np.ndarray],
    lonlat: np.ndarray,
    rows: Rows,
    model: Mapping,
    schedule: Mapping,
    seed: int,
    log: Callable[[str], object],
    device: str = "cpu",
    clock: Callable[[], float] = time.monotonic,
) -> TrainingResult:
    """Train a location encoder with an objective.

    For example, an objective matches embeddings with a learned linear projection of image features. The optimiser is
    AdamW with linear warm-up and cosine decay, without weight decay on biases, norms and the logit scale. The state
    with the lowest loss in the held-out regions is kept or, without them, that with the lowest loss near the training
    locations. Encoders trained with the same seed and schedule see the same batches, and an objective uses the same
    random numbers at every evaluation.

    Parameters
    ----------
    encoder : LocationEncoder
        Trained in place; left at its best state, in evaluation mode, on the CPU.
    features : mapping of ndarray (n, w)
        Precomputed features of the locations, by source.
    lonlat : ndarray (n, 2)
        Longitude and latitude, degrees.
    rows : Rows
        Rows of training and of validation; the numbers of the latter are multiples of the schedule's `batch` and
        `candidates`.
    model : mapping
        Configuration of the model, of which `objective` (a leaf) and `optimiser` (lr, weight_decay) are used.
    schedule : mapping
        A leaf of config/schedule.
    seed : int
        Seed of the objective's initial layers and random numbers, of the order of the batches, and of dropout.
    log : callable
        Receives one line of text per evaluation, and lines of progress at intervals of time.
    device : str
        Torch device of the training steps. The initial state does not depend on it; later states differ by rounding.
    clock : callable
        Returns the time in seconds, for the lines of progress.

    Returns
    -------
    TrainingResult

    Raises
    ------
    ValueError
        If features, locations and schedule are inconsistent, if the objective does not accept the features or the
        encoder, or if the device does not exist.
    FloatingPointError
        If a loss is not finite.

    References
    ----------
    Klemmer, Rolf, Robinson, Mackey, Russwurm (2025). SatCLIP: Global, general-purpose location embeddings
    with satellite imagery. AAAI (precomputed image features, a linear projection, symmetric InfoNCE, AdamW).
    """
    target = _device(device)
    places = torch.as_tensor(lonlat, dtype=torch.float64, device=target)
    best, curve, losses = None, [], []
    with torch.random.fork_rng(devices=[] if target.type == "cpu" else [target]):
        torch.manual_seed(seed)
        objective = build(model["objective"])
        check(features, lonlat, rows, schedule, objective)
        observations = torch.from_numpy(objective.observations(features, rows.training)).to(target)
        objective.attach(encoder, observations.shape[1])
        trained = nn.ModuleList((encoder, objective)).to(target)
        optimiser = AdamW(trained, model["optimiser"]["weight_decay"])
        validation = Validation(encoder, objective, places, observations, rows, schedule, seed)
        batches = _batches(rows.training, schedule["batch"], np.random.default_rng(seed))
        rng, augmented = np.random.default_rng([seed, TRAINING]), Augmentation(schedule, seed)
        progress = Progress(schedule["steps"], "steps", log, clock=clock)
        for step in range(1, schedule["steps"] + 1):
            factor = learning_rate_factor(step, schedule["steps"], schedule["warmup_steps"])
            rate, chosen = factor * model["optimiser"]["lr"], next(batches)
            batch = Batch(encoder, *augmented(places[chosen], observations[chosen]), rng)
            losses.append(_require_finite(_descend(trained, objective, batch, optimiser, rate), step))
            progress(step, f"loss {losses[-1]:.3f}")
            if step % schedule["evaluate_every"] == 0 or step == schedule["steps"]:
                trained.eval()
                found = validation.losses()
                _require_finite(found.val_loss + found.judged, step)
                if best is None or found.judged < best.losses.judged:
                    best = _Best(_copy(encoder), step, found)
                curve.append((step, float(np.mean(losses)), *astuple(found)))
                losses = []
                log(_progress(step, curve[-1][1], found, best.step, schedule["steps"]))
    encoder.cpu().load_state_dict(best.state)
    encoder.eval()
    columns = ["step", "train_loss", *COLUMNS]
    return TrainingResult(best.state, best.step, best.losses, pd.DataFrame(curve, columns=columns))


class _Best(NamedTuple):
    """The best state so far."""

    state: dict[str, Tensor]
    step: int
    losses: Losses


def _copy(encoder: LocationEncoder) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in encoder.state_dict().items()}


def _device(name: str) -> torch.device:
    if name != "cpu" and not torch.cuda.is_available():
        raise ValueError(f"pretraining.device: {name}, but torch finds no GPU on this machine")
    return torch.device(name)


def _batches(rows: np.ndarray, batch: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield batches indefinitely: each epoch visits every row once in a new order, except an incomplete last batch."""
    while True:
        order = rng.permutation(rows)
        for start in range(0, len(order) - batch + 1, batch):
            yield order[start : start + batch]


def _descend(trained: nn.Module, objective: Objective, batch: Batch, optimiser: AdamW, rate: float) -> float:
    """Take one optimiser step at a learning rate and return the loss before it."""
    trained.train()
    optimiser.zero_grad()
    loss = objective(batch)
    loss.backward()
    optimiser.step(rate)
    return loss.item()


def _require_finite(loss: float, step: int) -> float:
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"optimiser.lr: the loss is {loss} at step {step}; try a lower learning rate"
        )
    return loss


def _progress(step: int, train_loss: float, found: Losses, best: int, steps: int) -> str:
    top1 = "" if found.val_top1 is None else f"top-1 {found.val_top1:6.1%}  "
    region = "" if found.region_loss is None else f"region loss {found.region_loss:.3f}  "
    return (
        f"step {step:>{len(str(steps))}}/{steps}  train loss {train_loss:.3f}  "
        f"val loss {found.val_loss:.3f}  {top1}{region}best step {best}"
    )
