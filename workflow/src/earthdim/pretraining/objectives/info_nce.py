"""Symmetric InfoNCE."""

import math

import torch
from torch import Tensor, nn

from earthdim.pretraining.objectives.base import (
    Contrastive,
    check_pairs,
    cosine_similarity,
    matching_row_loss,
    require_positive,
)


class InfoNCE(Contrastive):
    """Symmetric InfoNCE over a batch of pairs, with a learned logit scale.

    Row i of both batches is a pair, all other rows of the batch are its negatives; cosine similarities times
    the logit scale are the logits, and the cross entropies of both directions are averaged.

    Parameters
    ----------
    temperature : float
        The logit scale starts at its inverse.
    max_scale : float
        Upper bound of the logit scale.

    References
    ----------
    van den Oord, Li, Vinyals (2018). Representation learning with contrastive predictive coding.
    arXiv:1807.03748.

    Radford et al. (2021). Learning transferable visual models from natural language supervision. ICML
    (symmetric form, initial temperature 0.07, scale at most 100).
    """

    def __init__(self, temperature: float = 0.07, max_scale: float = 100.0) -> None:
        super().__init__()
        require_positive(temperature=temperature)
        if not max_scale >= 1 / temperature:
            raise ValueError(f"max_scale must be at least 1 / temperature, got {max_scale!r}")
        self.max_log_scale = math.log(max_scale)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    @property
    def scale(self) -> float:
        """The logit scale, the inverse of the temperature."""
        return math.exp(min(self.log_scale.item(), self.max_log_scale))

    def logits(self, a: Tensor, b: Tensor) -> Tensor:
        """Cosine similarities of the rows of a and b times the logit scale."""
        # The parameter itself is bounded: a clamped exponential would lose its gradient and never come back.
        with torch.no_grad():
            self.log_scale.clamp_(max=self.max_log_scale)
        return self.log_scale.exp() * cosine_similarity(a, b)

    def loss(self, z_location: Tensor, z_observation: Tensor) -> Tensor:
        """Loss of a batch of pairs.

        Parameters
        ----------
        z_location, z_observation : Tensor of shape (n, d)
            Embeddings of n >= 2 locations and of what is observed there; they need not have unit length.

        Returns
        -------
        Tensor of shape ()
            In nats; log(n) when the embeddings know nothing of each other.

        Raises
        ------
        ValueError
            If the shapes differ, or there are no negatives.
        """
        check_pairs(z_location, z_observation)
        logits = self.logits(z_location, z_observation)
        return (matching_row_loss(logits) + matching_row_loss(logits.T)) / 2
