"""Climplicit's released location encoder: a residual SIREN trained to reproduce monthly climate."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from earthdim.encoders.encodings.base import CIRCUMFERENCE_KM, Encoding
from earthdim.encoders.location import LocationEncoder
from earthdim.encoders.released.checkpoint import read
from earthdim.encoders.released.layout import fill
from earthdim.encoders.released.sources import locate

MONTHS = (3, 6, 9, 12)
LAYERS = 16
WIDTH = 512
OUTPUTS = 256
W0_FIRST = 30.0


class ScaledDegrees(Encoding):
    """Longitude / 180 and latitude / 90, discontinuous at the date line.

    Along the equator longitude is one ramp around the Earth, so its wavelength is the circumference.
    """

    def __init__(self) -> None:
        super().__init__()
        self.width = 2
        self.shortest_wavelength_km = CIRCUMFERENCE_KM
        self.nominal_wavelength_km = None

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        return (lonlat.double() / torch.tensor([180.0, 90.0], dtype=torch.float64)).float()


class ResidualSiren(nn.Module):
    """Climplicit's network, evaluated for each month; the months' embeddings are concatenated.

    The inputs are the two features and the sine and cosine of the month's angle, 2 pi month / 12. A hidden layer
    averages its linear map with the pre-activation of the previous layer and applies the sine to the average. The
    activation of the first layer is sin(30 sinh(2 x)); the last layer is linear.

    Parameters
    ----------
    months : sequence of int
        1 to 12.

    References
    ----------
    Dollinger, Robert, Plekhanova, Drees, Wegner (2025). Climplicit: Climatic implicit embeddings for global ecological
    tasks. ICLR workshops. https://github.com/ecovision-uzh/climplicit.
    """

    def __init__(self, months: Sequence[int]) -> None:
        super().__init__()
        if not len(months) or not all(month in range(1, 13) for month in months):
            raise ValueError(f"months must be whole numbers from 1 to 12, got {list(months)!r}")
        self.months = tuple(months)
        self.inputs, self.outputs = 2, OUTPUTS * len(self.months)
        self.first = nn.Linear(self.inputs + 2, WIDTH)
        self.hidden = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS - 1))
        self.last = nn.Linear(WIDTH, OUTPUTS)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, 2) to embeddings (n, 256 per month)."""
        return torch.cat([self._of_month(features, month) for month in self.months], dim=1)

    def _of_month(self, features: Tensor, month: int) -> Tensor:
        angle = 2 * math.pi * month / 12
        season = features.new_tensor([math.sin(angle), math.cos(angle)]).expand(len(features), 2)
        before = self.first(torch.cat((features, season), dim=1))
        x = torch.sin(W0_FIRST * torch.sinh(2 * before))
        for layer in self.hidden:
            before = (layer(x) + before) / 2
            x = torch.sin(before)
        return self.last(x)


def location_encoder(
    source: Mapping[str, str], sha256: str | None, months: Sequence[int] = MONTHS
) -> LocationEncoder:
    """Read Climplicit's location encoder.

    Parameters
    ----------
    source, sha256
        Location of the weights and digest of their file; see `earthdim.encoders.released`.
    months : sequence of int
        Months whose embeddings are concatenated; the published default is March, June, September and December.

    Returns
    -------
    LocationEncoder
        256 dimensions per month. It takes longitude first, as published.

    References
    ----------
    Dollinger, Robert, Plekhanova, Drees, Wegner (2025). Climplicit: Climatic implicit embeddings for global ecological
    tasks. ICLR workshops. https://github.com/ecovision-uzh/climplicit.
    """
    path = locate(source)
    encoder = LocationEncoder(ScaledDegrees(), ResidualSiren(months))
    layers = {"first": "layers.0", "last": "last_layer"}
    layers |= {f"hidden.{i}": f"layers.{i + 1}" for i in range(LAYERS - 1)}
    names = {
        f"network.{ours}.{kind}": f"location_encoder.{theirs}.{kind}"
        for ours, theirs in layers.items()
        for kind in ("weight", "bias")
    }
    # The regression head, which maps embeddings to climate, is not part of the encoder.
    return fill(encoder, read(path, sha256), names, path, ("chelsa_regressor.",))
