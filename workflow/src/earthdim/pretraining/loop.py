"""The training loop shared by all objectives: fits an encoder to modality features at locations."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from earthdim.build import build
from earthdim.encoders.location import LocationEncoder
from earthdim.pretraining.objectives.base import Batch, Objective, retrieval_top1
from earthdim.pretraining.optimiser import AdamW
from earthdim.progress import Progress

# Appended to the seed for the objective's random stream in training, and for the stream restarted at every evaluation.
TRAINING, EVALUATION = 1, 2


@dataclass(frozen=True)
class TrainingResult:
    """Result of pre-training.

    Attributes
    ----------
    state : dict of Tensor
        Parameters and buffers of the encoder at the best step.
    step : int
        The best step: the evaluated step with the lowest validation loss.
    val_loss : float
        Loss of the objective at the best step, averaged over held-out batches of the schedule's size. Nats, except for
        regression (mean squared error).
    val_top1 : float or None
        Top-1 retrieval on the held-out rows at the best step; None if the objective is not contrastive.
    curve : DataFrame
        One row per evaluation: step, train_loss (mean since the previous evaluation), val_loss, val_top1 (empty if not
        contrastive).
    """

    state: dict[str, Tensor]
    step: int
    val_loss: float
    val_top1: float | None
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
    validation_rows: np.ndarray,
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
    with the lowest validation loss is kept. Encoders trained with the same seed and schedule see the same batches, and
    an objective uses the same random numbers at every evaluation.

    Parameters
    ----------
    encoder : LocationEncoder
        Trained in place; left at its best state, in evaluation mode, on the CPU.
    features : mapping of ndarray (n, w)
        Precomputed features of the locations, by source.
    lonlat : ndarray (n, 2)
        Longitude and latitude, degrees.
    validation_rows : int ndarray
        Rows held out of training; their number is a multiple of the schedule's `batch` and `candidates`.
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
    training_rows = np.setdiff1d(np.arange(len(lonlat)), validation_rows)
    _check(features, lonlat, training_rows, validation_rows, schedule)
    target = _device(device)
    places = torch.as_tensor(lonlat, dtype=torch.float64, device=target)
    best, curve, losses = None, [], []
    with torch.random.fork_rng(devices=[] if target.type == "cpu" else [target]):
        torch.manual_seed(seed)
        objective = build(model["objective"])
        observations = torch.from_numpy(objective.observations(features, training_rows)).to(target)
        objective.attach(encoder, observations.shape[1])
        trained = nn.ModuleList((encoder, objective)).to(target)
        optimiser = AdamW(trained, model["optimiser"]["weight_decay"])
        batches = _batches(training_rows, schedule["batch"], np.random.default_rng(seed))
        rng = np.random.default_rng([seed, TRAINING])
        progress = Progress(schedule["steps"], "steps", log, clock=clock)
        for step in range(1, schedule["steps"] + 1):
            factor = learning_rate_factor(step, schedule["steps"], schedule["warmup_steps"])
            rate, rows = factor * model["optimiser"]["lr"], next(batches)
            batch = Batch(encoder, places[rows], observations[rows], rng)
            losses.append(_require_finite(_descend(trained, objective, batch, optimiser, rate), step))
            progress(step, f"loss {losses[-1]:.3f}")
            if step % schedule["evaluate_every"] == 0 or step == schedule["steps"]:
                trained.eval()
                held_out = _held_out(
                    encoder, places[validation_rows], observations[validation_rows], schedule, seed
                )
                val_loss, val_top1 = _evaluate(objective, held_out, schedule["candidates"])
                _require_finite(val_loss, step)
                if best is None or val_loss < best["val_loss"]:
                    state = {
                        name: value.detach().cpu().clone() for name, value in encoder.state_dict().items()
                    }
                    best = {"state": state, "step": step, "val_loss": val_loss, "val_top1": val_top1}
                curve.append((step, float(np.mean(losses)), val_loss, val_top1))
                losses = []
                log(_progress(*curve[-1], best["step"], schedule["steps"]))
    encoder.cpu().load_state_dict(best["state"])
    encoder.eval()
    return TrainingResult(
        **best, curve=pd.DataFrame(curve, columns=["step", "train_loss", "val_loss", "val_top1"])
    )


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


def _held_out(
    encoder: LocationEncoder, places: Tensor, observations: Tensor, schedule: Mapping, seed: int
) -> list[Batch]:
    """Return the held-out rows in batches, with the evaluation's random generator."""
    rng = np.random.default_rng([seed, EVALUATION])
    parts = zip(places.split(schedule["batch"]), observations.split(schedule["batch"]), strict=True)
    return [Batch(encoder, *part, rng) for part in parts]


@torch.no_grad()
def _evaluate(objective: Objective, batches: list[Batch], candidates: int) -> tuple[float, float | None]:
    """Mean loss over batches, and for contrastive objectives mean top-1 retrieval over groups of candidates."""
    loss = float(np.mean([objective(batch).item() for batch in batches]))
    pairs = [objective.pair(batch) for batch in batches]
    if None in pairs:
        return loss, None
    locations, targets = (torch.cat(side).split(candidates) for side in zip(*pairs, strict=True))
    return loss, float(np.mean([retrieval_top1(*both) for both in zip(locations, targets, strict=True)]))


def _require_finite(loss: float, step: int) -> float:
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"optimiser.lr: the loss is {loss} at step {step}; try a lower learning rate"
        )
    return loss


def _progress(
    step: int, train_loss: float, val_loss: float, val_top1: float | None, best: int, steps: int
) -> str:
    top1 = "" if val_top1 is None else f"top-1 {val_top1:6.1%}  "
    return (
        f"step {step:>{len(str(steps))}}/{steps}  train loss {train_loss:.3f}  "
        f"val loss {val_loss:.3f}  {top1}best step {best}"
    )


def _check(
    features: Mapping[str, np.ndarray],
    lonlat: np.ndarray,
    training_rows: np.ndarray,
    validation_rows: np.ndarray,
    schedule: Mapping,
) -> None:
    """Raise ValueError if features, locations and schedule are inconsistent."""
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
