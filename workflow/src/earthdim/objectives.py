"""Losses on two batches of embeddings, and how well the one finds the other."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class InfoNCE(nn.Module):
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
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, got {temperature!r}")
        if not max_scale >= 1 / temperature:
            raise ValueError(f"max_scale must be at least 1 / temperature, got {max_scale!r}")
        self.max_log_scale = math.log(max_scale)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    @property
    def scale(self) -> float:
        """The logit scale, the inverse of the temperature."""
        return math.exp(min(self.log_scale.item(), self.max_log_scale))

    def forward(self, z_location: Tensor, z_observation: Tensor) -> Tensor:
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
        _check_pairs(z_location, z_observation)
        # The parameter itself is bounded: a clamped exponential would lose its gradient and never come back.
        with torch.no_grad():
            self.log_scale.clamp_(max=self.max_log_scale)
        logits = self.log_scale.exp() * _cosine_similarity(z_location, z_observation)
        pairs = torch.arange(len(logits), device=logits.device)
        return (functional.cross_entropy(logits, pairs) + functional.cross_entropy(logits.T, pairs)) / 2


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
    _check_pairs(z_location, z_observation)
    similarity = _cosine_similarity(z_observation.detach(), z_location.detach())
    own = similarity.diagonal().clone()
    others = similarity.fill_diagonal_(-torch.inf).amax(dim=1)
    return (own > others).double().mean().item()


def _cosine_similarity(a: Tensor, b: Tensor) -> Tensor:
    """Cosine similarities (n, m) of the rows of a (n, d) with those of b (m, d)."""
    return functional.normalize(a, dim=1) @ functional.normalize(b, dim=1).T


def _check_pairs(z_location: Tensor, z_observation: Tensor) -> None:
    """Raise ValueError unless both are (n, d) with n >= 2."""
    if z_location.ndim != 2 or z_location.shape != z_observation.shape or len(z_location) < 2:
        raise ValueError(
            "z_location and z_observation must both be (n, d) with n >= 2, "
            f"got {tuple(z_location.shape)} and {tuple(z_observation.shape)}"
        )
