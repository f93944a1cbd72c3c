"""Pairwise sigmoid loss (SigLIP)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from earthdim.pretraining.objectives.base import Contrastive, check_pairs, cosine_similarity, require_positive


class SigLIP(Contrastive):
    """Pairwise sigmoid loss: binary classification of every combination of location and observation in a batch.

    The logits are cosine similarities times a learned scale plus a learned bias. The negative log-likelihood of the
    labels "pair" and "no pair" is summed over all n^2 combinations and divided by n.

    Parameters
    ----------
    scale : float
        Initial logit scale.
    bias : float
        Initial bias, far below 0 because only one of n combinations is a pair.

    References
    ----------
    Zhai, Mustafa, Kolesnikov, Beyer (2023). Sigmoid loss for language image pre-training. ICCV (scale 10, bias -10).
    """

    def __init__(self, scale: float = 10.0, bias: float = -10.0) -> None:
        super().__init__()
        require_positive(scale=scale)
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.bias = nn.Parameter(torch.tensor(float(bias)))

    @property
    def scale(self) -> float:
        """Logit scale."""
        return self.log_scale.exp().item()

    def loss(self, z_location: Tensor, z_observation: Tensor) -> Tensor:
        """Return the loss of n >= 2 pairs of embeddings (n, d), in nats per pair; ValueError as in `InfoNCE.loss`."""
        check_pairs(z_location, z_observation)
        logits = self.log_scale.exp() * cosine_similarity(z_location, z_observation) + self.bias
        signs = 2 * torch.eye(len(logits), device=logits.device) - 1
        return -functional.logsigmoid(signs * logits).sum() / len(logits)
