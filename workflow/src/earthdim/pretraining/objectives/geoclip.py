"""GeoCLIP: observations against coordinates, with a queue of earlier batches."""

import numpy as np
import torch
from torch import Tensor

from earthdim.geo import scattered
from earthdim.pretraining.objectives.base import (
    Batch,
    matching_row_loss,
    require_not_negative,
    require_positive,
)
from earthdim.pretraining.objectives.info_nce import InfoNCE


class GeoCLIP(InfoNCE):
    """GeoCLIP's loss: each observation against the coordinates of the batch and of a queue of earlier batches.

    At each step the coordinates of the batch and of the queue are moved by fresh Gaussian noise on the ground, and the
    queue is embedded with the current encoder. The queue starts empty; the authors' starts with random coordinates. In
    evaluation mode there is no noise and no queue: the candidates are the coordinates of the batch.

    Parameters
    ----------
    queue_size : int
        Number of most recent coordinates kept in the queue.
    noise_km, queue_noise_km : float
        Standard deviation, km, of the steps eastwards and northwards of the coordinates of the batch and of the queue.
    temperature, max_scale : float
        As in `InfoNCE`.

    References
    ----------
    Vivanco Cepeda, Nayak, Shah (2023). GeoCLIP: Clip-inspired alignment between locations and images for effective
    worldwide geo-localization. NeurIPS (queue of 4,096, noise of 150 m and 1,000 m).
    """

    queue: Tensor
    seen: Tensor

    def __init__(
        self,
        queue_size: int,
        noise_km: float,
        queue_noise_km: float,
        temperature: float = 0.07,
        max_scale: float = 100.0,
    ) -> None:
        super().__init__(temperature, max_scale)
        require_positive(queue_size=queue_size)
        require_not_negative(noise_km=noise_km, queue_noise_km=queue_noise_km)
        self.noise_km, self.queue_noise_km = noise_km, queue_noise_km
        self.register_buffer("queue", torch.zeros(queue_size, 2, dtype=torch.float64))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    @property
    def queued(self) -> Tensor:
        """Longitudes and latitudes in the queue, degrees, (m, 2); their order has no meaning."""
        return self.queue[: min(self.seen.item(), len(self.queue))]

    def forward(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, nats; log of the number of candidates if embeddings are unrelated."""
        observation = self.projection(batch.observations)
        if not self.training:
            return matching_row_loss(self.logits(observation, batch.embeddings))
        current = _jitter(batch.lonlat, self.noise_km, batch.rng)
        earlier = _jitter(self.queued, self.queue_noise_km, batch.rng)
        self._enqueue(batch.lonlat)
        return matching_row_loss(self.logits(observation, batch.encoder(torch.cat((current, earlier)))))

    def _enqueue(self, lonlat: Tensor) -> None:
        """Add coordinates to the queue, overwriting the oldest."""
        latest = lonlat[-len(self.queue) :]
        first = self.seen + len(lonlat) - len(latest)
        self.queue[(first + torch.arange(len(latest), device=lonlat.device)) % len(self.queue)] = latest
        self.seen += len(lonlat)


def _jitter(lonlat: Tensor, noise_km: float, rng: np.random.Generator) -> Tensor:
    """Move locations (n, 2), degrees, by Gaussian steps east and north with standard deviation `noise_km`."""
    return torch.from_numpy(scattered(lonlat.cpu().numpy(), noise_km, rng)).to(lonlat)
