"""Encodings without a resolution parameter: angles, the unit vector, angles wrapped onto circles."""

import math

import torch
from torch import Tensor

from earthdim.encoders.encodings.base import CIRCUMFERENCE_KM, Encoding


class Direct(Encoding):
    """Longitude and latitude in radians.

    Along the equator longitude is one ramp around the Earth, so its wavelength is the circumference. The encoding is
    discontinuous at the date line.

    References
    ----------
    Russwurm, Klemmer, Rolf, Zbinden, Tuia (2024). Geographic location encoding with spherical harmonics and
    sinusoidal representation networks. ICLR, the baseline "direct".
    """

    def __init__(self) -> None:
        super().__init__()
        self.width = 2
        self.shortest_wavelength_km = CIRCUMFERENCE_KM
        self.nominal_wavelength_km = None

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        return torch.deg2rad(lonlat.double()).float()


class Cartesian3D(Encoding):
    """Unit vector whose axes point to (0, 0), (90, 0) and the north pole.

    References
    ----------
    Russwurm, Klemmer, Rolf, Zbinden, Tuia (2024). Geographic location encoding with spherical harmonics and
    sinusoidal representation networks. ICLR, the baseline "cartesian3D".
    """

    def __init__(self) -> None:
        super().__init__()
        self.width = 3
        self.shortest_wavelength_km = CIRCUMFERENCE_KM
        self.nominal_wavelength_km = None

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        return unit_vectors(lonlat).float()


class Wrap(Encoding):
    """Longitude and latitude wrapped onto one circle each, the positional encoding of SINR.

    With x = (longitude / 180, latitude / 90): sin(pi x), then cos(pi x). It is continuous at the date line. As
    published, latitude goes once around its circle from pole to pole, so both poles have the same code.

    References
    ----------
    Mac Aodha, Cole, Perona (2019). Presence-only geographical priors for fine-grained image classification.
    ICCV, section 3.3.

    Cole et al. (2023). Spatial implicit neural representations for global-scale species mapping. ICML.
    """

    half_turn: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.width = 4
        self.shortest_wavelength_km = CIRCUMFERENCE_KM
        self.nominal_wavelength_km = None
        # Degrees of longitude and latitude in half a turn of their circles.
        self.register_buffer("half_turn", torch.tensor([180.0, 90.0], dtype=torch.float64), persistent=False)

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        angle = math.pi * (lonlat.double() / self.half_turn)
        return torch.cat((torch.sin(angle), torch.cos(angle)), dim=1).float()


def unit_vectors(lonlat: Tensor) -> Tensor:
    """Unit vectors of coordinates: the differentiable counterpart of `earthdim.geo.unit_vectors` for tensors.

    Parameters
    ----------
    lonlat : Tensor of shape (n, 2)
        Longitude and latitude in degrees.

    Returns
    -------
    Tensor of shape (n, 3), float64
        The axes point to (0, 0), (90, 0) and the north pole.
    """
    longitude, latitude = torch.deg2rad(lonlat.double()).unbind(1)
    across = torch.cos(latitude)
    return torch.stack(
        (across * torch.cos(longitude), across * torch.sin(longitude), torch.sin(latitude)), dim=1
    )
