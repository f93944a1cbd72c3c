"""Regression of the observations."""

from torch import Tensor, nn
from torch.nn import functional

from earthdim.encoders.location import LocationEncoder
from earthdim.pretraining.objectives.base import Batch, Objective


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
