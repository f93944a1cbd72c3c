"""Losses on held-out locations, near the training locations and in regions without any."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from earthdim.encoders.location import LocationEncoder
from earthdim.pretraining.objectives.base import Batch, Objective, retrieval_top1
from earthdim.pretraining.rows import Rows

# Appended to the seed for the random stream that restarts at every evaluation.
EVALUATION = 2


@dataclass(frozen=True)
class Losses:
    """Losses of one evaluation, averaged over held-out batches of the schedule's size.

    Attributes
    ----------
    val_loss, region_loss : float or None
        Near the training locations and in the regions. Nats, except for regression (mean squared error). The second
        is None without regions.
    val_top1, region_top1 : float or None
        Top-1 retrieval; None if the objective is not contrastive or there are no regions.
    logit_scale : float or None
        The objective's logit scale at this step; None if it has none.
    """

    val_loss: float
    val_top1: float | None
    region_loss: float | None
    region_top1: float | None
    logit_scale: float | None

    @property
    def judged(self) -> float:
        """The loss by which states are compared: in the regions, if there are any."""
        return self.val_loss if self.region_loss is None else self.region_loss


COLUMNS = tuple(Losses.__dataclass_fields__)


class Validation:
    """Evaluates an encoder and its objective on the held-out rows.

    Parameters
    ----------
    encoder : LocationEncoder
    objective : Objective
    places, observations : Tensor (n, 2), (n, w)
        All locations and their observations.
    rows : Rows
    schedule : mapping
        `batch` and `candidates`.
    seed : int
        Seed of the objective's random numbers, which are the same at every evaluation.
    """

    def __init__(
        self,
        encoder: LocationEncoder,
        objective: Objective,
        places: Tensor,
        observations: Tensor,
        rows: Rows,
        schedule: Mapping,
        seed: int,
    ) -> None:
        self.encoder, self.objective, self.schedule, self.seed = encoder, objective, schedule, seed
        self.near, self.regions = (
            (places[part], observations[part]) if len(part) else None for part in (rows.near, rows.regions)
        )

    def losses(self) -> Losses:
        """Evaluate the present state; both modules must be in evaluation mode."""
        far = (None, None) if self.regions is None else self._evaluate(*self.regions)
        return Losses(*self._evaluate(*self.near), *far, self.objective.scale)

    @torch.no_grad()
    def _evaluate(self, places: Tensor, observations: Tensor) -> tuple[float, float | None]:
        """Mean loss over batches, and for contrastive objectives mean top-1 retrieval over groups of candidates."""
        rng, size = np.random.default_rng([self.seed, EVALUATION]), self.schedule["batch"]
        parts = zip(places.split(size), observations.split(size), strict=True)
        batches = [Batch(self.encoder, *part, rng) for part in parts]
        loss = float(np.mean([self.objective(batch).item() for batch in batches]))
        pairs = [self.objective.pair(batch) for batch in batches]
        if None in pairs:
            return loss, None
        groups = (torch.cat(side).split(self.schedule["candidates"]) for side in zip(*pairs, strict=True))
        return loss, float(np.mean([retrieval_top1(*both) for both in zip(*groups, strict=True)]))


def check(
    features: Mapping[str, np.ndarray],
    lonlat: np.ndarray,
    rows: Rows,
    schedule: Mapping,
    objective: Objective,
) -> None:
    """Raise ValueError if features, locations, rows, schedule and objective are inconsistent."""
    for source, values in features.items():
        if len(values) != len(lonlat):
            raise ValueError(f"sources.{source}: {len(values)} rows for {len(lonlat)} locations")
    for key, held_out in (("validation", rows.near), ("regions", rows.regions)):
        for name in ("batch", "candidates"):
            if len(held_out) % schedule[name] or (key == "validation" and len(held_out) == 0):
                raise ValueError(f"{key}: {len(held_out)} is not a multiple of {name} {schedule[name]}")
    if len(rows.training) < schedule["batch"]:
        raise ValueError(f"batch: {schedule['batch']} is more than the {len(rows.training)} locations")
    if not 0 <= schedule["warmup_steps"] < schedule["steps"]:
        raise ValueError(f"warmup_steps: {schedule['warmup_steps']} is not below steps {schedule['steps']}")
    if schedule["noise"] > 0 and not objective.standardised:
        raise ValueError("schedule.noise: the objective needs classes, to which noise cannot be added")
