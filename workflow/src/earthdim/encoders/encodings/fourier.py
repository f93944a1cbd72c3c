"""Random Fourier features on the Equal Earth projection, the positional encoding of GeoCLIP."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from earthdim.encoders.encodings.base import CIRCUMFERENCE_KM, Encoding

EQUAL_EARTH = (1.340264, -0.081106, 0.000893, 0.003796)
"""A1 to A4 of the projection (Savric, Patterson, Jenny 2019, doi:10.1080/13658816.2018.1504949)."""

# GeoCLIP's factor, which scales the eastings of the equator to [-1, 1].
PLANE_SCALE = 66.50336 / 180


class EqualEarthFourier(Encoding):
    """Random Fourier features of the scaled Equal Earth projection, one level for each sigma.

    A level is cos(2 pi B v), then sin(2 pi B v), where v is the projected point, scaled so that the equator spans
    [-1, 1], and the entries of B are drawn from N(0, sigma**2). Levels are concatenated in the order of `sigmas`.

    Parameters
    ----------
    sigmas : sequence of float
        Standard deviation of the frequencies of each level.
    features : int
        Number of random frequencies per level; a level has twice as many features.
    seed : int
        Seed of the frequencies. The underlying standard normal numbers do not depend on `sigmas`, so hierarchies with
        the same number of levels differ only by scale.

    Attributes
    ----------
    frequencies : Tensor of shape (levels, features, 2), float64
        B of each level, a buffer stored in checkpoints.

    References
    ----------
    Vivanco Cepeda, Nayak, Shah (2023). GeoCLIP: Clip-inspired alignment between locations and images for
    effective worldwide geo-localization. NeurIPS.

    Tancik et al. (2020). Fourier features let networks learn high frequency functions in low dimensional
    domains. NeurIPS.
    """

    frequencies: Tensor

    def __init__(self, sigmas: Sequence[float], features: int, seed: int) -> None:
        super().__init__()
        if not len(sigmas) or not all(0 < sigma < math.inf for sigma in sigmas):
            raise ValueError(f"sigmas must be positive numbers, got {list(sigmas)!r}")
        if isinstance(features, bool) or not isinstance(features, int) or features < 1:
            raise ValueError(f"features must be a positive whole number, got {features!r}")
        self.sigmas = tuple(float(sigma) for sigma in sigmas)
        self.width = 2 * features * len(self.sigmas)
        normal = torch.randn(
            len(self.sigmas), features, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
        )
        scale = torch.tensor(self.sigmas, dtype=torch.float64)
        self.register_buffer("frequencies", scale[:, None, None] * normal)

    @property
    def shortest_wavelength_km(self) -> float:
        """5th percentile of the wavelengths along the equator, km, from the drawn frequencies."""
        eastward = self.frequencies[..., 0].abs().flatten()
        # The equator has length 2 in the scaled plane.
        return (CIRCUMFERENCE_KM / 2 / eastward).quantile(0.05).item()

    @property
    def nominal_wavelength_km(self) -> float:
        """Wavelength along the equator, km, of a frequency of one sigma of the finest level."""
        return CIRCUMFERENCE_KM / 2 / max(self.sigmas)

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        phase = 2 * math.pi * equal_earth(lonlat.double()) @ self.frequencies.flatten(0, 1).T
        levels = phase.unflatten(1, self.frequencies.shape[:2])
        return torch.cat((torch.cos(levels), torch.sin(levels)), dim=2).flatten(1).float()


def equal_earth(lonlat: Tensor) -> Tensor:
    """Project onto the Equal Earth plane, scaled so that the equator spans [-1, 1].

    Parameters
    ----------
    lonlat : Tensor of shape (n, 2), float64
        Longitude and latitude in degrees.

    Returns
    -------
    Tensor of shape (n, 2), float64
        Easting and northing.

    References
    ----------
    Savric, Patterson, Jenny (2019). The Equal Earth map projection. International Journal of Geographical
    Information Science 33(3).
    """
    a1, a2, a3, a4 = EQUAL_EARTH
    longitude, latitude = torch.deg2rad(lonlat).unbind(1)
    theta = torch.asin(math.sqrt(3) / 2 * torch.sin(latitude))
    slope = 9 * a4 * theta**8 + 7 * a3 * theta**6 + 3 * a2 * theta**2 + a1
    easting = 2 / math.sqrt(3) * longitude * torch.cos(theta) / slope
    northing = a4 * theta**9 + a3 * theta**7 + a2 * theta**3 + a1 * theta
    return PLANE_SCALE * torch.stack((easting, northing), dim=1)
