"""Contrastive spatial pre-training (CSP)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from earthdim.data.samples.area import sphere
from earthdim.encoders.location import LocationEncoder
from earthdim.pretraining.objectives.base import (
    Batch,
    Contrastive,
    check_pairs,
    cosine_similarity,
    matching_row_loss,
    require_not_negative,
    require_positive,
)


class CSP(Contrastive):
    """Sum of the three terms of CSP: in-batch, negative locations, and SimCSE.

    Each term is a cross-entropy over cosine similarities divided by a temperature:

    - in-batch: a location against its own observation and the other observations of the batch;
    - negative locations: an observation against its own location and locations drawn uniformly by area over the globe;
    - SimCSE: a location against itself and the other locations of the batch in a second pass with another dropout mask.

    The loss is the first term plus the weighted second and third. In evaluation mode dropout is off, so the SimCSE term
    only measures how well the embeddings of different locations are separated.

    Parameters
    ----------
    batch_temperature, negative_temperature, simcse_temperature : float
        Temperature of each term.
    negative_locations : int
        Number of negative locations per observation.
    negative_weight, simcse_weight : float
        Weights of the second and third term, at least 0.

    References
    ----------
    Mai, Lao, He, Song, Ermon (2023). CSP: Self-supervised contrastive spatial pre-training for geospatial-visual
    representations. ICML. In the authors' repository the negative locations of the published runs are not uniform by
    area.

    Gao, Yao, Chen (2021). SimCSE: Simple contrastive learning of sentence embeddings. EMNLP (the second pass).
    """

    def __init__(
        self,
        batch_temperature: float,
        negative_temperature: float,
        simcse_temperature: float,
        negative_locations: int = 1,
        negative_weight: float = 1.0,
        simcse_weight: float = 1.0,
    ) -> None:
        super().__init__()
        require_positive(batch_temperature=batch_temperature, negative_temperature=negative_temperature)
        require_positive(simcse_temperature=simcse_temperature, negative_locations=negative_locations)
        require_not_negative(negative_weight=negative_weight, simcse_weight=simcse_weight)
        self.batch_temperature, self.negative_locations = batch_temperature, negative_locations
        self.negative_temperature, self.negative_weight = negative_temperature, negative_weight
        self.simcse_temperature, self.simcse_weight = simcse_temperature, simcse_weight

    def attach(self, encoder: LocationEncoder, width: int) -> None:
        """Create the projection; ValueError if the encoder has no dropout, so that both passes would be equal."""
        drops = any(isinstance(part, nn.Dropout) and part.p > 0 for part in encoder.modules())
        if self.simcse_weight > 0 and not drops:
            raise ValueError("objective.simcse_weight: a second dropout pass needs network.dropout above 0")
        super().attach(encoder, width)

    def forward(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, nats.

        For constant embeddings it is log n + negative_weight log(1 + negative_locations) + simcse_weight log n.
        """
        location, observation = self.pair(batch)
        loss = self.loss(location, observation)
        if self.negative_weight > 0:
            loss = loss + self.negative_weight * self._negative_loss(batch, location, observation)
        if self.simcse_weight > 0:
            similarity = cosine_similarity(location, batch.encoder(batch.lonlat))
            loss = loss + self.simcse_weight * matching_row_loss(similarity / self.simcse_temperature)
        return loss

    def loss(self, z_location: Tensor, z_observation: Tensor) -> Tensor:
        """Return the in-batch term of n >= 2 pairs of embeddings (n, d); ValueError as in `InfoNCE.loss`."""
        check_pairs(z_location, z_observation)
        similarity = cosine_similarity(z_location, z_observation)
        return matching_row_loss(similarity / self.batch_temperature)

    def _negative_loss(self, batch: Batch, location: Tensor, observation: Tensor) -> Tensor:
        n, d = location.shape
        drawn = torch.from_numpy(sphere(n * self.negative_locations, batch.rng)).to(batch.lonlat)
        negatives = batch.encoder(drawn).reshape(n, -1, d)
        candidates = torch.cat((location[:, None], negatives), dim=1)
        similarity = functional.cosine_similarity(candidates, observation[:, None], dim=2)
        target = torch.zeros(n, dtype=torch.long, device=similarity.device)
        return functional.cross_entropy(similarity / self.negative_temperature, target)
