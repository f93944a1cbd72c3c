"""Regression of the observations."""

from torch import Tensor, nn
from torch.nn import functional

from earthdim.encoders.location import LocationEncoder
from earthdim.pretraining.objectives.base import Batch, Objective


class Regression(Objective):
    """Mean squared error of a linear layer that predicts the observations: a non-contrastive control.

    The observations are standardised (see `standardise`), so predicting their mean has a loss of 1.

    References
    ----------
    Mai, Lao, He, Song, Ermon (2023). CSP: Self-supervised contrastive spatial pre-training for geospatial-visual
    representations. ICML (one of the losses compared there).
    """

    def __init__(self) -> None:
        super().__init__()

    def attach(self, encoder: LocationEncoder, width: int) -> None:  # noqa: D102
        self.head = nn.Linear(encoder.ambient_dim, width)

    def forward(self, batch: Batch) -> Tensor:
        """Return the loss of a batch."""
        return functional.mse_loss(self.head(batch.embeddings), batch.observations)
