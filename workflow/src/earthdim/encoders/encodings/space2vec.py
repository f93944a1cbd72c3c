"""Space2Vec's positional encodings: grid, also used by CSP, and the hexagonal theory."""

import math

import torch
from torch import Tensor

from earthdim.encoders.encodings.base import CIRCUMFERENCE_KM, Encoding


class Grid(Encoding):
    """Sines and cosines of longitude and latitude at geometrically spaced scales.

    For each scale, from the smallest to the largest: sin and cos of longitude / scale, sin and cos of
    latitude / scale. As published, degrees are divided by the scale without a factor 2 pi, so the period is 2 pi times
    the scale, degrees, and the encoding is discontinuous at the date line.

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
        scale = geometric_scales(scales, min_scale, max_scale)
        self.width = 4 * scales
        # Determined by the arguments, so not stored in checkpoints.
        self.register_buffer("inverse", 1 / scale, persistent=False)
        wavelengths_km = equator_km(scale)
        self.shortest_wavelength_km = wavelengths_km.quantile(0.05).item()
        self.nominal_wavelength_km = wavelengths_km[0].item()

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        phase = lonlat.double()[:, None, :] * self.inverse[:, None]
        return torch.stack((torch.sin(phase), torch.cos(phase)), dim=3).flatten(1).float()


class Theory(Encoding):
    """Cosines and sines along three directions, 120 degrees apart, at geometrically spaced scales.

    For each scale, from the smallest to the largest, and each direction a = (1, 0), (-1/2, sqrt(3)/2),
    (-1/2, -sqrt(3)/2): cos and sin of (longitude, latitude) . a / scale. As in `Grid`, degrees are divided by the scale
    without a factor 2 pi, and the encoding is discontinuous at the date line.

    Parameters
    ----------
    scales : int
        S, the number of scales; there are 6 S features.
    min_scale, max_scale : float
        Smallest and largest scale, degrees.

    References
    ----------
    Mai, Janowicz, Yan, Zhu, Cai, Lao (2020). Multi-scale representation learning for spatial feature
    distributions using grid cells. ICLR, eq. 3.

    Gao, Xie, Zhu, Wu (2019). Learning grid cells as vector representation of self-position coupled with
    matrix representation of self-motion. ICLR.
    """

    directions: Tensor
    inverse: Tensor

    def __init__(self, scales: int, min_scale: float, max_scale: float) -> None:
        super().__init__()
        scale = geometric_scales(scales, min_scale, max_scale)
        self.width = 6 * scales
        angle = 2 * math.pi / 3 * torch.arange(3, dtype=torch.float64)
        directions = torch.stack((torch.cos(angle), torch.sin(angle)))
        self.register_buffer("directions", directions, persistent=False)
        self.register_buffer("inverse", 1 / scale, persistent=False)
        # Along the equator the scale of a direction is stretched by 1 / |cos| of its angle: 1, 2 and 2.
        wavelengths_km = equator_km(scale[:, None] / torch.cos(angle).abs())
        self.shortest_wavelength_km = wavelengths_km.quantile(0.05).item()
        self.nominal_wavelength_km = equator_km(scale[0]).item()

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        phase = (lonlat.double() @ self.directions)[:, None, :] * self.inverse[:, None]
        return torch.stack((torch.cos(phase), torch.sin(phase)), dim=3).flatten(1).float()


def geometric_scales(scales: int, min_scale: float, max_scale: float) -> Tensor:
    """Geometrically spaced scales, ascending.

    Parameters
    ----------
    scales : int
        Number of scales.
    min_scale, max_scale : float
        First and last scale.

    Returns
    -------
    Tensor of shape (scales,), float64

    Raises
    ------
    ValueError
        If there are fewer than two scales, or not 0 < `min_scale` < `max_scale`.
    """
    if isinstance(scales, bool) or not isinstance(scales, int) or scales < 2:
        raise ValueError(f"scales must be a whole number of at least 2, got {scales!r}")
    if not 0 < min_scale < max_scale < math.inf:
        raise ValueError(f"min_scale and max_scale must satisfy 0 < {min_scale!r} < {max_scale!r}")
    step = torch.arange(scales, dtype=torch.float64) / (scales - 1)
    return min_scale * (max_scale / min_scale) ** step


def equator_km(scale: Tensor) -> Tensor:
    """Wavelength along the equator, km, of sin(longitude / scale), both in degrees."""
    return 2 * math.pi * scale * CIRCUMFERENCE_KM / 360
