"""Slepian functions of a spherical cap: band-limited functions with maximal energy inside the cap."""

import math

import numpy as np
import torch
from torch import Tensor

from earthdim.encoders.encodings.base import Encoding
from earthdim.encoders.encodings.spherical_harmonics import SphericalHarmonics


class SlepianCap(Encoding):
    """Slepian functions of a cap, in descending order of concentration, above a threshold.

    A function's eigenvalue is the share of its energy inside the cap. The number of eigenvalues near 1 is about the
    Shannon number, `legendre_polys`**2 times the cap's share of the sphere; few lie between 0 and 1. Far from the cap
    all features are near 0.

    Parameters
    ----------
    legendre_polys : int
        L, the number of degrees: the functions are sums of harmonics of degrees below L.
    longitude, latitude : float
        The cap's centre, degrees.
    radius : float
        The cap's angular radius, degrees.
    threshold : float
        Functions with a larger eigenvalue are kept.
    scale : {"unit-variance", "unit-norm", "orthonormal"}
        Scale of the harmonics. ``orthonormal``: the integral of each squared function over the unit sphere is 1.
        ``unit-variance``: its mean over the sphere is 1. ``unit-norm``: the features of a point well inside the cap
        have a norm of about 1 for every L.

    Attributes
    ----------
    coefficients : Tensor of shape (legendre_polys**2, width), float64
        Coefficients of the functions in the harmonics, each of norm 1. A buffer stored in checkpoints, because the sign
        of an eigenvector depends on the linear algebra library.
    eigenvalues : Tensor of shape (width,), float64
        Descending.

    References
    ----------
    Simons, Dahlen, Wieczorek (2006). Spatiospectral concentration on a sphere. SIAM Review 48(3).

    Wieczorek, Meschede (2018). SHTools: tools for working with spherical harmonics. Geochemistry, Geophysics,
    Geosystems 19, which computes them.

    Rao, Crasto, Ooms, Rolnick, Klemmer, Russwurm (2026). Localized, high-resolution geographic representations with
    Slepian functions. ICML, which encodes locations by them and keeps eigenvalues above 0.1.
    """

    coefficients: Tensor
    eigenvalues: Tensor

    def __init__(
        self,
        legendre_polys: int,
        longitude: float,
        latitude: float,
        radius: float,
        threshold: float = 0.1,
        scale: str = "unit-variance",
    ) -> None:
        super().__init__()
        if legendre_polys == 1:
            raise ValueError("legendre_polys must be at least 2: a constant is not concentrated anywhere")
        self.globe = SphericalHarmonics(legendre_polys, scale)
        _check_cap(longitude, latitude, radius, threshold)
        coefficients, eigenvalues = _functions(legendre_polys, longitude, latitude, radius, threshold)
        self.register_buffer("coefficients", torch.from_numpy(coefficients))
        self.register_buffer("eigenvalues", torch.from_numpy(eigenvalues), persistent=False)
        self.width = len(eigenvalues)
        self.shannon_number = legendre_polys**2 * (1 - math.cos(math.radians(radius))) / 2
        self.shortest_wavelength_km = self.globe.shortest_wavelength_km
        self.nominal_wavelength_km = self.globe.nominal_wavelength_km

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        return self.functions(lonlat).float()

    def functions(self, lonlat: Tensor) -> Tensor:
        """Evaluate the features in double precision.

        Parameters
        ----------
        lonlat : Tensor of shape (n, 2)
            Longitude and latitude in degrees.

        Returns
        -------
        Tensor of shape (n, width), float64
        """
        # Degree by degree, so that the harmonics, which are far more numerous, are never all in memory.
        sizes = [2 * degree + 1 for degree in range(self.globe.legendre_polys)]
        parts = zip(self.globe.by_degree(lonlat), self.coefficients.split(sizes), strict=True)
        return sum(harmonics.T @ coefficients for harmonics, coefficients in parts)


class SlepianHybrid(Encoding):
    """Spherical harmonics for the globe, followed by the Slepian functions of a cap for local detail.

    Parameters
    ----------
    legendre_polys : int
        Number of degrees of the Slepian functions: the resolution inside the cap.
    harmonics : int
        Number of degrees of the harmonics, less than `legendre_polys`: the resolution elsewhere.
    longitude, latitude, radius, threshold
        Centre and angular radius of the cap, degrees, and the eigenvalue threshold; see `SlepianCap`.
    scale : {"unit-variance", "unit-norm", "orthonormal"}
        Scale of both parts; see `SphericalHarmonics` and `SlepianCap`.

    References
    ----------
    Rao, Crasto, Ooms, Rolnick, Klemmer, Russwurm (2026). Localized, high-resolution geographic representations with
    Slepian functions. ICML: 10 degrees of harmonics and the functions with eigenvalues above 0.1.
    """

    def __init__(
        self,
        legendre_polys: int,
        longitude: float,
        latitude: float,
        radius: float,
        harmonics: int = 10,
        threshold: float = 0.1,
        scale: str = "unit-variance",
    ) -> None:
        super().__init__()
        self.cap = SlepianCap(legendre_polys, longitude, latitude, radius, threshold, scale)
        if (
            isinstance(harmonics, bool)
            or not isinstance(harmonics, int)
            or not 0 < harmonics < legendre_polys
        ):
            raise ValueError(f"harmonics must lie in 1 .. legendre_polys - 1, got {harmonics!r}")
        self.globe = SphericalHarmonics(harmonics, scale)
        self.width = self.globe.width + self.cap.width
        self.shortest_wavelength_km = self.cap.shortest_wavelength_km
        self.nominal_wavelength_km = self.cap.nominal_wavelength_km

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        return torch.cat((self.globe(lonlat), self.cap(lonlat)), dim=1)


def _check_cap(longitude: float, latitude: float, radius: float, threshold: float) -> None:
    """Raise ValueError for an invalid cap, or a threshold that no or every eigenvalue exceeds."""
    if not abs(longitude) <= 180:
        raise ValueError(f"longitude must lie in [-180, 180], got {longitude!r}")
    if not abs(latitude) <= 90:
        raise ValueError(f"latitude must lie in [-90, 90], got {latitude!r}")
    if not 0 < radius < 180:
        raise ValueError(f"radius must lie between 0 and 180 degrees, got {radius!r}")
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must lie between 0 and 1, got {threshold!r}")


def _functions(
    legendre_polys: int, longitude: float, latitude: float, radius: float, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (legendre_polys**2, kept) in the order of SphericalHarmonics, and eigenvalues (kept,)."""
    # Imported late: takes more than a second.
    import pyshtools

    basis = pyshtools.Slepian.from_cap(radius, legendre_polys - 1)
    kept = int(np.count_nonzero(basis.eigenvalues > threshold))
    if not kept:
        raise ValueError(
            f"threshold: no Slepian function of radius {radius!r} and legendre_polys {legendre_polys!r} has an "
            f"eigenvalue above {threshold!r}; the best has {basis.eigenvalues[0]:.3g}"
        )
    basis.rotate(clat=latitude, clon=longitude, nrot=kept)
    coefficients = np.empty((legendre_polys**2, kept))
    for number in range(kept):
        # Indexed by cosine or sine, degree and order; with the Condon-Shortley phase, as in SphericalHarmonics.
        cosines, sines = basis.to_array(number, normalization="4pi", csphase=-1)
        for degree in range(legendre_polys):
            row = slice(degree**2, (degree + 1) ** 2)
            coefficients[row, number] = np.r_[sines[degree, degree:0:-1], cosines[degree, : degree + 1]]
    return coefficients, basis.eigenvalues[:kept].copy()
