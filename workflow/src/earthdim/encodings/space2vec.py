"""Space2Vec's grid of sines and cosines, the positional encoding of CSP."""

import math

import torch
from torch import Tensor

from earthdim.encodings.base import CIRCUMFERENCE_KM, Encoding


class Grid(Encoding):
    """Sines and cosines of longitude and latitude at geometrically spaced scales.

    For each scale, from the smallest to the largest: sin and cos of longitude / scale, sin and cos of
    latitude / scale. Degrees are divided by the scale without a factor 2 pi, as published, so that a scale
    has a period of 2 pi scale degrees, and the date line is a seam.

    Parameters
    ----------
    scales : int
        S, the number of scales; there are 4 S features.
    min_scale, max_scale : float
        Smallest and largest scale, degrees.

    References
    ----------
    Mai, Janowicz, Yan, Zhu, Cai, Lao (2020). Multi-scale representation learning for spatial feature
    distributions using grid cells. ICLR.
    """

    inverse: Tensor

    def __init__(self, scales: int, min_scale: float, max_scale: float) -> None:
        super().__init__()
        if isinstance(scales, bool) or not isinstance(scales, int) or scales < 2:
            raise ValueError(f"scales must be a whole number of at least 2, got {scales!r}")
        if not 0 < min_scale < max_scale < math.inf:
            raise ValueError(f"min_scale and max_scale must satisfy 0 < {min_scale!r} < {max_scale!r}")
        step = torch.arange(scales, dtype=torch.float64) / (scales - 1)
        scale = min_scale * (max_scale / min_scale) ** step
        self.width = 4 * scales
        # Follows from the arguments, so the checkpoint need not carry it.
        self.register_buffer("inverse", 1 / scale, persistent=False)
        wavelengths_km = 2 * math.pi * scale * CIRCUMFERENCE_KM / 360
        self.shortest_wavelength_km = wavelengths_km.quantile(0.05).item()
        self.nominal_wavelength_km = wavelengths_km[0].item()

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        phase = lonlat.double()[:, None, :] * self.inverse[:, None]
        return torch.stack((torch.sin(phase), torch.cos(phase)), dim=3).flatten(1).float()
