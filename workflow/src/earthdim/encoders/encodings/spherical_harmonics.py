"""Real spherical harmonics, the positional encoding of SatCLIP."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from earthdim.encoders.encodings.base import CIRCUMFERENCE_KM, Encoding


class SphericalHarmonics(Encoding):
    """Real spherical harmonics of all degrees below `legendre_polys`.

    Feature ``l**2 + l + m`` is the harmonic of degree l and order m, -l <= m <= l: cosines for m > 0, sines
    for m < 0, with the Condon-Shortley phase. Unlike in SatCLIP's released code, the zonal harmonics (m = 0) have no
    extra factor pi.

    Parameters
    ----------
    legendre_polys : int
        L, the number of degrees; there are L**2 features.
    scale : {"unit-variance", "unit-norm", "orthonormal"}
        ``orthonormal``: the integral of each squared harmonic over the unit sphere is 1.
        ``unit-variance``: its mean over the sphere is 1; by the addition theorem the feature vector of every point
        has norm L. ``unit-norm``: that norm is 1, so that one learning rate suits every L.

    Notes
    -----
    The fully normalised three-term recurrence over degrees, in float64,
    ``Y_lm = A (cos(theta) Y_(l-1)m - B Y_(l-2)m)`` with ``A**2 = (4 l**2 - 1) / (l**2 - m**2)`` and
    ``B**2 = ((l-1)**2 - m**2) / (4 (l-1)**2 - 1)``, starts from the sectoral harmonics. The longitude factor does not
    depend on the degree, so the recurrence is applied to the harmonics themselves, for all orders at once.

    References
    ----------
    Russwurm, Klemmer, Rolf, Zbinden, Tuia (2024). Geographic location encoding with spherical harmonics and
    sinusoidal representation networks. ICLR.

    Holmes, Featherstone (2002). A unified approach to the Clenshaw summation and the recursive computation of
    very high degree and order normalised associated Legendre functions. Journal of Geodesy 76, eq. 11-13.
    """

    def __init__(self, legendre_polys: int, scale: str = "unit-variance") -> None:
        super().__init__()
        if isinstance(legendre_polys, bool) or not isinstance(legendre_polys, int) or legendre_polys < 1:
            raise ValueError(f"legendre_polys must be a positive whole number, got {legendre_polys!r}")
        # The harmonic of degree 0, from which the recurrence starts.
        constants = {
            "unit-variance": 1.0,
            "unit-norm": 1 / legendre_polys,
            "orthonormal": 1 / math.sqrt(4 * math.pi),
        }
        if scale not in constants:
            raise ValueError(f"scale must be one of {', '.join(constants)}, got {scale!r}")
        self.legendre_polys = legendre_polys
        self.width = legendre_polys**2
        self._constant = constants[scale]
        self.shortest_wavelength_km = CIRCUMFERENCE_KM / (legendre_polys - 1) if legendre_polys > 1 else None
        self.nominal_wavelength_km = self.shortest_wavelength_km
        self._recurrence = [_coefficients(degree) for degree in range(1, legendre_polys)]

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        return torch.cat([degree.float() for degree in self.by_degree(lonlat)]).T

    def harmonics(self, lonlat: Tensor) -> Tensor:
        """Evaluate the features in double precision.

        Parameters
        ----------
        lonlat : Tensor of shape (n, 2)
            Longitude and latitude in degrees.

        Returns
        -------
        Tensor of shape (n, width), float64
        """
        return torch.cat(list(self.by_degree(lonlat))).T

    def by_degree(self, lonlat: Tensor) -> Iterator[Tensor]:
        """Evaluate the harmonics in double precision, degree by degree from 0.

        Parameters
        ----------
        lonlat : Tensor of shape (n, 2)
            Longitude and latitude in degrees.

        Yields
        ------
        Tensor of shape (2 l + 1, n), float64
            Harmonics of degree l, in ascending order m from -l.
        """
        longitude, latitude = torch.deg2rad(lonlat.double()).unbind(1)
        # The cosine of the polar angle theta is sin(latitude).
        cosine, sine = torch.sin(latitude), torch.cos(latitude)
        sectoral = torch.full_like(longitude, self._constant)
        before, last = None, sectoral[None]
        yield last
        for degree, (a, ab) in enumerate(self._recurrence, start=1):
            a, ab = a.to(cosine), ab.to(cosine)
            inner = a * (cosine * last)
            if before is not None:
                inner = torch.cat((inner[:1], torch.addcmul(inner[1:-1], ab, before, value=-1), inner[-1:]))
            sectoral = -math.sqrt((2 * degree + 1) / (2 * degree)) * sine * sectoral
            outer = math.sqrt(2) * sectoral
            angle = degree * longitude
            current = torch.cat(((outer * torch.sin(angle))[None], inner, (outer * torch.cos(angle))[None]))
            before, last = last, current
            yield current


def _coefficients(degree: int) -> tuple[Tensor, Tensor]:
    """A for orders |m| < degree and A B for orders |m| < degree - 1, as float64 columns."""
    order = torch.arange(-degree + 1, degree, dtype=torch.float64)[:, None]
    a = torch.sqrt((4.0 * degree**2 - 1) / (degree**2 - order**2))
    b = torch.sqrt(((degree - 1.0) ** 2 - order**2) / (4.0 * (degree - 1.0) ** 2 - 1))
    return a, (a * b)[1:-1]
