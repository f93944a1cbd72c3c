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
    """Symmetric InfoNCE over a batch of pairs, with a learned or a fixed logit scale.

    Rows i of both batches form a pair; the other rows of the batch are the negatives. The logits are cosine
    similarities multiplied by the logit scale. The loss is the mean of the cross-entropies in both directions.

    Parameters
    ----------
    temperature : float
        Inverse of the initial logit scale.
    max_scale : float
        Upper bound of the logit scale.
    learned : bool
        Whether the logit scale is learned; otherwise it stays at the inverse of the temperature.

    References
    ----------
    van den Oord, Li, Vinyals (2018). Representation learning with contrastive predictive coding.
    arXiv:1807.03748.

    Radford et al. (2021). Learning transferable visual models from natural language supervision. ICML
    (symmetric form, initial temperature 0.07, scale at most 100).
    """

    def __init__(self, temperature: float = 0.07, max_scale: float = 100.0, learned: bool = True) -> None:
        super().__init__()
        require_positive(temperature=temperature)
        if not max_scale >= 1 / temperature:
            raise ValueError(f"max_scale must be at least 1 / temperature, got {max_scale!r}")
        self.max_log_scale = math.log(max_scale)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)), requires_grad=learned)

    @property
    def scale(self) -> float:
        """Logit scale, the inverse of the temperature."""
        return math.exp(min(self.log_scale.item(), self.max_log_scale))

    def logits(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the cosine similarities of the rows of a and b, multiplied by the logit scale."""
        # Clamp the parameter, not its exponential: a clamped exponential has zero gradient and could never decrease.
        with torch.no_grad():
            self.log_scale.clamp_(max=self.max_log_scale)
        return self.log_scale.exp() * cosine_similarity(a, b)

    def loss(self, z_location: Tensor, z_observation: Tensor) -> Tensor:
        """Return the loss of a batch of pairs.

        Parameters
        ----------
        z_location, z_observation : Tensor of shape (n, d)
            Embeddings of n >= 2 locations and of their observations; they need not have unit length.

        Returns
        -------
        Tensor of shape ()
            In nats; log(n) for unrelated embeddings.

        Raises
        ------
        ValueError
            If the shapes differ or there are no negatives.
        """
        check_pairs(z_location, z_observation)
        logits = self.logits(z_location, z_observation)
        return (matching_row_loss(logits) + matching_row_loss(logits.T)) / 2
