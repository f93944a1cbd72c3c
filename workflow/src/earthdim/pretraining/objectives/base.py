"""Shared parts of the training objectives: the batch, the base classes, similarities and argument checks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from earthdim.encoders.location import LocationEncoder
from earthdim.pretraining.modalities.observations import standardise


@dataclass(frozen=True)
class Batch:
    """What an objective may ask of a batch.

    Attributes
    ----------
    encoder : callable
        Longitude and latitude in degrees, (m, 2) float64, to embeddings (m, d); for further places or a second pass.
    lonlat : Tensor of shape (n, 2), float64
        The batch's locations, degrees.
    observations : Tensor of shape (n, w), float32
        What is observed at each of them, from `Objective.observations`.
    rng : numpy.random.Generator
        Source of an objective's own draws; it starts alike at every evaluation on held-out rows.
    """

    encoder: Callable[[Tensor], Tensor]
    lonlat: Tensor
    observations: Tensor
    rng: np.random.Generator

    @cached_property
    def embeddings(self) -> Tensor:
        """Embeddings of the batch's locations, (n, d)."""
        return self.encoder(self.lonlat)


class Objective(nn.Module):
    """A loss with what it learns beside the encoder; none of it is part of a checkpoint.

    In training mode a call is one step; in evaluation mode it changes nothing, and says how good the encoder is on
    held-out rows in a way that can be compared between steps.
    """

    def observations(self, features: Mapping[str, np.ndarray], training_rows: np.ndarray) -> np.ndarray:
        """Make one float32 matrix (n, w) of the features of the modality's sources; see `standardise`."""
        return standardise(features, training_rows)

    def attach(self, encoder: LocationEncoder, width: int) -> None:
        """Make the layer between embeddings and observations of a width, drawn from torch's random state."""
        raise NotImplementedError

    def forward(self, batch: Batch) -> Tensor:
        """Loss of a batch, of shape ()."""
        raise NotImplementedError

    def pair(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        """Embeddings (n, d) of locations and of observations that should find each other; None where none do."""
        return None


class Contrastive(Objective):
    """An objective that compares embeddings with a learned linear projection of the observations."""

    def attach(self, encoder: LocationEncoder, width: int) -> None:  # noqa: D102
        self.projection = nn.Linear(width, encoder.ambient_dim)

    def pair(self, batch: Batch) -> tuple[Tensor, Tensor]:  # noqa: D102
        return batch.embeddings, self.projection(batch.observations)

    def forward(self, batch: Batch) -> Tensor:  # noqa: D102
        return self.loss(*self.pair(batch))

    def loss(self, z_location: Tensor, z_observation: Tensor) -> Tensor:
        """Loss of two batches of embeddings of which row i of both is a pair."""
        raise NotImplementedError


def retrieval_top1(z_location: Tensor, z_observation: Tensor) -> float:
    """Share of the observations to which their own location is more similar than every other one.

    Parameters
    ----------
    z_location, z_observation : Tensor of shape (n, d)
        Embeddings of n >= 2 pairs; chance is 1 / n, and a tie is no hit.

    Raises
    ------
    ValueError
        If the shapes differ, or there is nothing to confuse.
    """
    check_pairs(z_location, z_observation)
    similarity = cosine_similarity(z_observation.detach(), z_location.detach())
    own = similarity.diagonal().clone()
    others = similarity.fill_diagonal_(-torch.inf).amax(dim=1)
    return (own > others).double().mean().item()


def cosine_similarity(a: Tensor, b: Tensor) -> Tensor:
    """Cosine similarities (n, m) of the rows of a (n, d) with those of b (m, d)."""
    return functional.normalize(a, dim=1) @ functional.normalize(b, dim=1).T


def matching_row_loss(logits: Tensor) -> Tensor:
    """Mean cross entropy of n rows of logits (n, m >= n) of which row i belongs to column i."""
    return functional.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


def check_pairs(z_location: Tensor, z_observation: Tensor) -> None:
    """Raise ValueError unless both are (n, d) with n >= 2."""
    if z_location.ndim != 2 or z_location.shape != z_observation.shape or len(z_location) < 2:
        raise ValueError(
            "z_location and z_observation must both be (n, d) with n >= 2, "
            f"got {tuple(z_location.shape)} and {tuple(z_observation.shape)}"
        )


def require_positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value!r}")


def require_not_negative(**values: float) -> None:
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(f"{name} must not be negative, got {value!r}")
