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
    """One batch of training locations, as passed to an objective.

    Attributes
    ----------
    encoder : callable
        Maps longitude and latitude in degrees, (m, 2) float64, to embeddings (m, d). Objectives call it for additional
        locations or for a second pass.
    lonlat : Tensor of shape (n, 2), float64
        Locations of the batch, degrees.
    observations : Tensor of shape (n, w), float32
        Observations at the locations, from `Objective.observations`.
    rng : numpy.random.Generator
        Random generator of the objective. It has the same state at the start of every evaluation on held-out rows.
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
    """Base class of training objectives: a loss together with its trainable layers, which are not part of a checkpoint.

    Subclasses implement `attach` and `forward`. In training mode, one call is one training step. In evaluation mode, a
    call has no side effects and returns a loss on held-out rows that is comparable between steps.
    """

    standardised = True
    """Whether `observations` are standardised numbers, to which noise can be added."""

    @property
    def scale(self) -> float | None:
        """Logit scale; None if the objective has none."""
        return None

    def observations(self, features: Mapping[str, np.ndarray], training_rows: np.ndarray) -> np.ndarray:
        """Combine the features of all sources into one float32 matrix (n, w); see `standardise`."""
        return standardise(features, training_rows)

    def attach(self, encoder: LocationEncoder, width: int) -> None:
        """Create the layers between embeddings and observations of this width, initialised by torch's generator."""
        raise NotImplementedError

    def forward(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, shape ()."""
        raise NotImplementedError

    def pair(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        """Return embeddings (n, d) of the locations and of their observations; None if not contrastive."""
        return None


class Contrastive(Objective):
    """Base class of objectives that compare embeddings with a learned linear projection of the observations."""

    def attach(self, encoder: LocationEncoder, width: int) -> None:  # noqa: D102
        self.projection = nn.Linear(width, encoder.ambient_dim)

    def pair(self, batch: Batch) -> tuple[Tensor, Tensor]:  # noqa: D102
        return batch.embeddings, self.projection(batch.observations)

    def forward(self, batch: Batch) -> Tensor:  # noqa: D102
        return self.loss(*self.pair(batch))

    def loss(self, z_location: Tensor, z_observation: Tensor) -> Tensor:
        """Return the loss of two batches of embeddings whose rows i form a pair."""
        raise NotImplementedError


def retrieval_top1(z_location: Tensor, z_observation: Tensor) -> float:
    """Top-1 retrieval: share of observations whose own location is strictly more similar than every other location.

    Parameters
    ----------
    z_location, z_observation : Tensor of shape (n, d)
        Embeddings of n >= 2 pairs. Chance level is 1 / n; ties do not count as hits.

    Raises
    ------
    ValueError
        If the shapes differ or n < 2.
    """
    check_pairs(z_location, z_observation)
    similarity = cosine_similarity(z_observation.detach(), z_location.detach())
    matching = similarity.diagonal().clone()
    others = similarity.fill_diagonal_(-torch.inf).amax(dim=1)
    return (matching > others).double().mean().item()


def cosine_similarity(a: Tensor, b: Tensor) -> Tensor:
    """Cosine similarities (n, m) of the rows of a (n, d) with those of b (m, d)."""
    return functional.normalize(a, dim=1) @ functional.normalize(b, dim=1).T


def matching_row_loss(logits: Tensor) -> Tensor:
    """Mean cross-entropy of logits (n, m), m >= n, in which column i is the target of row i."""
    return functional.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


def check_pairs(z_location: Tensor, z_observation: Tensor) -> None:
    """Raise ValueError unless both are (n, d) with n >= 2."""
    if z_location.ndim != 2 or z_location.shape != z_observation.shape or len(z_location) < 2:
        raise ValueError(
            "z_location and z_observation must both be (n, d) with n >= 2, "
            f"got {tuple(z_location.shape)} and {tuple(z_observation.shape)}"
        )


def require_positive(**values: float) -> None:
    """Raise ValueError naming the first argument that is not above 0."""
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value!r}")


def require_not_negative(**values: float) -> None:
    """Raise ValueError naming the first argument that is below 0."""
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(f"{name} must not be negative, got {value!r}")
