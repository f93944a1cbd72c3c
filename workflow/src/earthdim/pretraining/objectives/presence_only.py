"""Presence-only classification (SINR)."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from earthdim.data.samples.area import sphere
from earthdim.encoders.location import LocationEncoder
from earthdim.pretraining.modalities.observations import presences
from earthdim.pretraining.objectives.base import Batch, Objective, require_positive


class PresenceOnly(Objective):
    """SINR's loss for presence-only data: classes are observed at locations, but absences are never observed.

    One linear layer without bias maps an embedding to the logit of each class. A class observed at a location is a
    weighted positive there. All other classes are assumed absent there, and all classes are assumed absent at as many
    locations drawn uniformly by area over the globe (pseudo-negatives). The loss is the sum of both means over rows and
    classes.

    Parameters
    ----------
    positive_weight : float
        Weight of observed classes.

    References
    ----------
    Cole, Van Horn, Lange, Shepard, Leary, Perona, Loarie, Mac Aodha (2023). Spatial implicit neural representations
    for global-scale species mapping. ICML (the full assume-negative loss; 2,048 for 47,375 species). The logarithms
    are exact here; the authors' code adds 1e-5 to the probability.
    """

    standardised = False

    def __init__(self, positive_weight: float = 2048.0) -> None:
        super().__init__()
        require_positive(positive_weight=positive_weight)
        self.positive_weight = positive_weight

    def observations(self, features: Mapping[str, np.ndarray], training_rows: np.ndarray) -> np.ndarray:
        """Return the classes by location; ValueError if the modality has other values than classes. See `presences`."""
        return presences(features)

    def attach(self, encoder: LocationEncoder, width: int) -> None:  # noqa: D102
        self.head = nn.Linear(encoder.ambient_dim, width, bias=False)

    def forward(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, nats."""
        drawn = torch.from_numpy(sphere(len(batch.lonlat), batch.rng)).to(batch.lonlat)
        here, elsewhere = self.head(batch.embeddings), self.head(batch.encoder(drawn))
        seen = batch.observations
        # -log sigmoid(x) = softplus(-x).
        positive = self.positive_weight * seen * functional.softplus(-here)
        return (positive + (1 - seen) * functional.softplus(here)).mean() + functional.softplus(
            elsewhere
        ).mean()
