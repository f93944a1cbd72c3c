"""Spherical wavelets: a mother wavelet, dilated by stereographic projection and rotated to the points of a lattice."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from earthdim.encoders.encodings.base import CIRCUMFERENCE_KM, Encoding
from earthdim.encoders.encodings.coordinates import unit_vectors

# Lower bound of 1 + cos(angle from the centre). At the antipode every wavelet is 0 in double precision.
ANTIPODE = 1e-9
# Features that vary less along the equator are ignored when wavelengths are computed.
LEAST_CHANGE = 1e-3


class Wavelets(Encoding):
    """A mother wavelet at all dilations and all points of a Fibonacci lattice.

    A spherical wavelet is the inverse stereographic projection, from the antipode of its centre, of a planar wavelet g:
    with theta the angle from the centre and w = tan(theta / 2) (cos, sin) of the azimuth relative to the wavelet's
    direction, it is ``2 / (1 + cos(theta)) g(w / a)`` at dilation a. The first factor makes the projection preserve
    norms; the factor 1 / a of the dilation operator is omitted, so that all dilations have the same height.

    ``morlet``: g(w) = cos(wavenumber w_1) exp(-|w|**2 / 2). ``mexican-hat``: g(w) = (1 - 2 |w|**2) exp(-2 |w|**2),
    that is (1 - r**2 / 2) exp(-r**2 / 2) with r = 2 |w|; it is isotropic.

    Parameters
    ----------
    dilations : sequence of float
        Each in (0, 1]; a wavelet of dilation 1 fills the hemisphere.
    rotations : int
        Number of centres, and of features per dilation; features are in the order of `dilations`.
    mother : {"morlet", "mexican-hat"}
    wavenumber : float
        Wavenumber of the Morlet wavelet; ignored for the Mexican hat.

    Notes
    -----
    The publication specifies the projection, the dilation, a Fibonacci lattice, 3 dilations and 75 centres. Code
    derived from the authors' uses wavenumber 6 and dilations 2**(-1/6), 2**(-1/3), 2**(-1/2), divides by the third
    power of the dilation, and starts the lattice at a pole. This implementation differs: equal heights, a lattice
    without points at the poles, and directions of the Morlet wavelets that turn by pi sqrt(2) from one centre to the
    next, so that no direction is preferred.

    The nominal wavelength is that of the finest wavelets at their centre: 2 pi times 2 a / wavenumber radians, or
    2 pi a / sqrt(2) for the Mexican hat, from the peak of its planar spectrum. The wavelength of a feature along the
    equator is that of the peak of its spectrum there, because a wavelet is not a single wave.

    References
    ----------
    Cai, Balestriero (2025). No location left behind: measuring and improving the fairness of implicit
    representations for Earth data. arXiv 2502.06831.

    Antoine, Vandergheynst (1999). Wavelets on the 2-sphere: a group-theoretical approach. Applied and Computational
    Harmonic Analysis 7, for the projection, the dilation and the Morlet wavelet.

    Gonzalez (2010). Measurement of areas on a sphere using Fibonacci and latitude-longitude lattices. Mathematical
    Geosciences 42, for the lattice.
    """

    centres: Tensor
    directions: Tensor
    dilations: Tensor

    def __init__(
        self,
        dilations: Sequence[float],
        rotations: int = 75,
        mother: str = "morlet",
        wavenumber: float = 6.0,
    ) -> None:
        super().__init__()
        if not len(dilations) or not all(0 < dilation <= 1 for dilation in dilations):
            raise ValueError(f"dilations must be numbers in (0, 1], got {list(dilations)!r}")
        if isinstance(rotations, bool) or not isinstance(rotations, int) or rotations < 1:
            raise ValueError(f"rotations must be a positive whole number, got {rotations!r}")
        if mother not in ("morlet", "mexican-hat"):
            raise ValueError(f"mother must be one of morlet, mexican-hat, got {mother!r}")
        if not 0 < wavenumber < math.inf:
            raise ValueError(f"wavenumber must be a positive number, got {wavenumber!r}")
        self.mother, self.wavenumber = mother, float(wavenumber)
        self.width = len(dilations) * rotations
        centres, directions = _lattice(rotations)
        self.register_buffer("centres", centres, persistent=False)
        self.register_buffer("directions", directions, persistent=False)
        self.register_buffer("dilations", torch.tensor(dilations, dtype=torch.float64), persistent=False)
        waves = 2 / self.wavenumber if mother == "morlet" else 1 / math.sqrt(2)
        self.nominal_wavelength_km = CIRCUMFERENCE_KM * waves * min(dilations)
        self.shortest_wavelength_km = self._shortest_km()

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        return self.wavelets(lonlat).float()

    def wavelets(self, lonlat: Tensor) -> Tensor:
        """Evaluate the features in double precision.

        Parameters
        ----------
        lonlat : Tensor of shape (n, 2)
            Longitude and latitude in degrees.

        Returns
        -------
        Tensor of shape (n, width), float64
        """
        points = unit_vectors(lonlat)
        cosine = points @ self.centres.T
        lift = 2 / (1 + cosine).clamp(min=ANTIPODE)
        # tan(theta / 2)**2 and tan(theta / 2) cos(azimuth), (n, rotations).
        squared = (1 - cosine).clamp(min=0) * lift / 2
        along = points @ self.directions.T * lift / 2
        squared, along = (
            part[:, None, :] / scale
            for part, scale in ((squared, self.dilations[:, None] ** 2), (along, self.dilations[:, None]))
        )
        if self.mother == "morlet":
            planar = torch.cos(self.wavenumber * along) * torch.exp(-squared / 2)
        else:
            planar = (1 - 2 * squared) * torch.exp(-2 * squared)
        return (lift[:, None, :] * planar).flatten(1)

    def _shortest_km(self) -> float | None:
        """5th percentile of the features' wavelengths along the equator, km."""
        # Sixteen samples per nominal wavelength, and at least 256.
        samples = max(256, math.ceil(16 * CIRCUMFERENCE_KM / self.nominal_wavelength_km))
        longitude = torch.arange(samples, dtype=torch.float64) / samples * 360 - 180
        features = self.wavelets(torch.stack((longitude, torch.zeros_like(longitude)), dim=1))
        features = features[:, features.amax(0) - features.amin(0) > LEAST_CHANGE]
        if not features.shape[1]:
            return None
        cycles = torch.fft.rfft(features, dim=0)[1:].abs().argmax(dim=0) + 1
        return (CIRCUMFERENCE_KM / cycles.double()).quantile(0.05).item()


def _lattice(points: int) -> tuple[Tensor, Tensor]:
    """Unit vectors of a Fibonacci lattice and their unit tangent vectors, (points, 3) each."""
    number = torch.arange(points, dtype=torch.float64)
    height = 1 - (2 * number + 1) / points
    across = torch.sqrt(1 - height**2)
    longitude = math.pi * (3 - math.sqrt(5)) * number
    cosine, sine = torch.cos(longitude), torch.sin(longitude)
    centres = torch.stack((across * cosine, across * sine, height), dim=1)
    east = torch.stack((-sine, cosine, torch.zeros_like(sine)), dim=1)
    north = torch.stack((-height * cosine, -height * sine, across), dim=1)
    turn = math.pi * math.sqrt(2) * number[:, None]
    return centres, torch.cos(turn) * east + torch.sin(turn) * north
