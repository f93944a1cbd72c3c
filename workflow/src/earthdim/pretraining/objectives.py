"""What a location encoder is trained for: losses on a batch of locations and what is observed there."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from earthdim.data.samples.area import sphere
from earthdim.encoders.location import LocationEncoder
from earthdim.geo import EARTH_RADIUS_KM, lonlat_of, unit_vectors
from earthdim.pretraining.modalities.observations import presences, standardise


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
        _require_positive(temperature=temperature)
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
        return self.log_scale.exp() * _cosine_similarity(a, b)

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
        _check_pairs(z_location, z_observation)
        logits = self.logits(z_location, z_observation)
        return (_own_row(logits) + _own_row(logits.T)) / 2


class SigLIP(Contrastive):
    """Pairwise sigmoid loss: every location and observation of a batch, pair or not, is a question of its own.

    The logits are cosine similarities times a learned scale plus a learned bias; the negative log likelihood of
    "is a pair" or "is none" is summed over all n^2 combinations and divided by n.

    Parameters
    ----------
    scale : float
        The logit scale at the start.
    bias : float
        The bias at the start: far below 0, since all but one of n combinations are no pairs.

    References
    ----------
    Zhai, Mustafa, Kolesnikov, Beyer (2023). Sigmoid loss for language image pre-training. ICCV (scale 10, bias -10).
    """

    def __init__(self, scale: float = 10.0, bias: float = -10.0) -> None:
        super().__init__()
        _require_positive(scale=scale)
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.bias = nn.Parameter(torch.tensor(float(bias)))

    def loss(self, z_location: Tensor, z_observation: Tensor) -> Tensor:
        """Loss of n >= 2 pairs of embeddings (n, d), in nats a pair; ValueError as in `InfoNCE.loss`."""
        _check_pairs(z_location, z_observation)
        logits = self.log_scale.exp() * _cosine_similarity(z_location, z_observation) + self.bias
        signs = 2 * torch.eye(len(logits), device=logits.device) - 1
        return -functional.logsigmoid(signs * logits).sum() / len(logits)


class CSP(Contrastive):
    """CSP's three terms: observations of the batch, negative locations, and a second dropout pass.

    Each is a cross entropy over cosine similarities divided by a temperature:

    - batch: a location against its own observation and those of the rest of the batch;
    - negative locations: an observation against its own location and some drawn uniformly by area over the globe;
    - SimCSE: a location against itself in a second pass, with other units dropped, and the rest of the batch in it.

    The total is the first plus the weighted others. In evaluation mode nothing is dropped, so that the last term
    tells only how far apart the embeddings of different locations lie.

    Parameters
    ----------
    batch_temperature, negative_temperature, simcse_temperature : float
        What the similarities of each term are divided by.
    negative_locations : int
        Number of negative locations of each observation.
    negative_weight, simcse_weight : float
        Weights of the second and third term, at least 0.

    References
    ----------
    Mai, Lao, He, Song, Ermon (2023). CSP: Self-supervised contrastive spatial pre-training for geospatial-visual
    representations. ICML. The authors' repository draws the negative locations of its published runs so that they are
    not uniform by area.

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
        _require_positive(batch_temperature=batch_temperature, negative_temperature=negative_temperature)
        _require_positive(simcse_temperature=simcse_temperature, negative_locations=negative_locations)
        _require_not_negative(negative_weight=negative_weight, simcse_weight=simcse_weight)
        self.batch_temperature, self.negative_locations = batch_temperature, negative_locations
        self.negative_temperature, self.negative_weight = negative_temperature, negative_weight
        self.simcse_temperature, self.simcse_weight = simcse_temperature, simcse_weight

    def attach(self, encoder: LocationEncoder, width: int) -> None:
        """Make the projection; ValueError if a second pass through the encoder would be the first again."""
        drops = any(isinstance(part, nn.Dropout) and part.p > 0 for part in encoder.modules())
        if self.simcse_weight > 0 and not drops:
            raise ValueError("objective.simcse_weight: a second dropout pass needs network.dropout above 0")
        super().attach(encoder, width)

    def forward(self, batch: Batch) -> Tensor:
        """Loss of a batch, nats; log n + weights of log(1 + negatives) and log n for embeddings that are all one."""
        location, observation = self.pair(batch)
        loss = self.loss(location, observation)
        if self.negative_weight > 0:
            loss = loss + self.negative_weight * self._negative_loss(batch, location, observation)
        if self.simcse_weight > 0:
            similarity = _cosine_similarity(location, batch.encoder(batch.lonlat))
            loss = loss + self.simcse_weight * _own_row(similarity / self.simcse_temperature)
        return loss

    def loss(self, z_location: Tensor, z_observation: Tensor) -> Tensor:
        """The first term alone, of n >= 2 pairs of embeddings (n, d); ValueError as in `InfoNCE.loss`."""
        _check_pairs(z_location, z_observation)
        similarity = _cosine_similarity(z_location, z_observation)
        return _own_row(similarity / self.batch_temperature)

    def _negative_loss(self, batch: Batch, location: Tensor, observation: Tensor) -> Tensor:
        n, d = location.shape
        drawn = torch.from_numpy(sphere(n * self.negative_locations, batch.rng)).to(batch.lonlat)
        negatives = batch.encoder(drawn).reshape(n, -1, d)
        candidates = torch.cat((location[:, None], negatives), dim=1)
        similarity = functional.cosine_similarity(candidates, observation[:, None], dim=2)
        own = torch.zeros(n, dtype=torch.long, device=similarity.device)
        return functional.cross_entropy(similarity / self.negative_temperature, own)


class GeoCLIP(InfoNCE):
    """GeoCLIP's loss: an observation against the coordinates of the batch and of a queue of earlier batches.

    The coordinates of the queue are embedded anew at each step, and all are moved on the ground by fresh Gaussian
    noise. The queue starts empty (the authors' with random numbers). In evaluation mode there is neither noise nor
    queue: the candidates are those of the batch.

    Parameters
    ----------
    queue_size : int
        Number of coordinates in the queue: the last ones seen.
    noise_km, queue_noise_km : float
        Standard deviation, km, of the steps eastwards and northwards of the batch's and of the queue's coordinates.
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
        _require_positive(queue_size=queue_size)
        _require_not_negative(noise_km=noise_km, queue_noise_km=queue_noise_km)
        self.noise_km, self.queue_noise_km = noise_km, queue_noise_km
        self.register_buffer("queue", torch.zeros(queue_size, 2, dtype=torch.float64))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    @property
    def queued(self) -> Tensor:
        """Longitudes and latitudes in the queue, degrees, (m, 2), in no order that matters."""
        return self.queue[: min(self.seen.item(), len(self.queue))]

    def forward(self, batch: Batch) -> Tensor:
        """Loss of a batch, nats; log of the number of candidates when embeddings and observations are unrelated."""
        observation = self.projection(batch.observations)
        if not self.training:
            return _own_row(self.logits(observation, batch.embeddings))
        own = _moved(batch.lonlat, self.noise_km, batch.rng)
        earlier = _moved(self.queued, self.queue_noise_km, batch.rng)
        self._enqueue(batch.lonlat)
        return _own_row(self.logits(observation, batch.encoder(torch.cat((own, earlier)))))

    def _enqueue(self, lonlat: Tensor) -> None:
        """Let coordinates in, and as many of the oldest out as there is no room for."""
        latest = lonlat[-len(self.queue) :]
        first = self.seen + len(lonlat) - len(latest)
        self.queue[(first + torch.arange(len(latest), device=lonlat.device)) % len(self.queue)] = latest
        self.seen += len(lonlat)


class PresenceOnly(Objective):
    """SINR's loss for classes that are seen at places but never known to be absent.

    One linear layer without bias makes a probability of each class from an embedding. A class that was seen at a
    location is a weighted positive there; all others are assumed absent there, and all of them at as many locations
    drawn uniformly by area over the globe (pseudo-negatives). Both means, over rows and classes, are added.

    Parameters
    ----------
    positive_weight : float
        Weight of the classes that were seen.

    References
    ----------
    Cole, Van Horn, Lange, Shepard, Leary, Perona, Loarie, Mac Aodha (2023). Spatial implicit neural representations
    for global-scale species mapping. ICML (the full assume-negative loss; 2,048 for 47,375 species). The logarithms
    are exact here, where the authors' code adds 1e-5 to the probability.
    """

    def __init__(self, positive_weight: float = 2048.0) -> None:
        super().__init__()
        _require_positive(positive_weight=positive_weight)
        self.positive_weight = positive_weight

    def observations(self, features: Mapping[str, np.ndarray], training_rows: np.ndarray) -> np.ndarray:
        """Classes by location; ValueError if the modality is none of classes. See `presences`."""
        return presences(features)

    def attach(self, encoder: LocationEncoder, width: int) -> None:  # noqa: D102
        self.head = nn.Linear(encoder.ambient_dim, width, bias=False)

    def forward(self, batch: Batch) -> Tensor:
        """Loss of a batch, nats."""
        drawn = torch.from_numpy(sphere(len(batch.lonlat), batch.rng)).to(batch.lonlat)
        here, elsewhere = self.head(batch.embeddings), self.head(batch.encoder(drawn))
        seen = batch.observations
        # -log of the sigmoid is the softplus of what is left of its argument's sign.
        positive = self.positive_weight * seen * functional.softplus(-here)
        return (positive + (1 - seen) * functional.softplus(here)).mean() + functional.softplus(
            elsewhere
        ).mean()


class Regression(Objective):
    """Mean squared error of a linear layer that predicts the observations: a control without contrast.

    The observations are standardised (see `standardise`), so that predicting their mean costs 1.

    References
    ----------
    Mai, Lao, He, Song, Ermon (2023). CSP: Self-supervised contrastive spatial pre-training for geospatial-visual
    representations. ICML (one of the losses that they compare).
    """

    def __init__(self) -> None:
        super().__init__()

    def attach(self, encoder: LocationEncoder, width: int) -> None:  # noqa: D102
        self.head = nn.Linear(encoder.ambient_dim, width)

    def forward(self, batch: Batch) -> Tensor:
        """Loss of a batch."""
        return functional.mse_loss(self.head(batch.embeddings), batch.observations)


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


def _moved(lonlat: Tensor, noise_km: float, rng: np.random.Generator) -> Tensor:
    """Longitudes and latitudes (n, 2), degrees, after Gaussian steps of a standard deviation east- and northwards."""
    vectors = unit_vectors(lonlat.cpu().numpy())
    # Of a step in space only the part along the ground counts: alike in all directions, at the poles as elsewhere.
    steps = rng.normal(scale=noise_km / EARTH_RADIUS_KM, size=vectors.shape)
    return torch.from_numpy(lonlat_of(vectors + steps)).to(lonlat)


def _own_row(logits: Tensor) -> Tensor:
    """Mean cross entropy of n rows of logits (n, m >= n) of which row i belongs to column i."""
    return functional.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


def _check_pairs(z_location: Tensor, z_observation: Tensor) -> None:
    """Raise ValueError unless both are (n, d) with n >= 2."""
    if z_location.ndim != 2 or z_location.shape != z_observation.shape or len(z_location) < 2:
        raise ValueError(
            "z_location and z_observation must both be (n, d) with n >= 2, "
            f"got {tuple(z_location.shape)} and {tuple(z_observation.shape)}"
        )


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value!r}")


def _require_not_negative(**values: float) -> None:
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(f"{name} must not be negative, got {value!r}")
