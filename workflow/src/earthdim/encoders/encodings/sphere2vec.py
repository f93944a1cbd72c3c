"""Sphere2Vec's positional encodings: sphereC, sphereM, sphereC+, sphereM+ and the double Fourier sphere.

In the docstrings, l and p are longitude and latitude, and l_s and p_s the same divided by scale s.

References
----------
Mai et al. (2023). Sphere2Vec: a general-purpose location representation learning over a spherical surface for
large-scale geospatial predictions. ISPRS Journal of Photogrammetry and Remote Sensing 202.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from earthdim.encoders.encodings.base import Encoding
from earthdim.encoders.encodings.space2vec import equator_km, geometric_scales


class _Waves(NamedTuple):
    """Sines and cosines of longitude and latitude: of the angles / scales, (n, S) each, or of the angles, (n, 1)."""

    sin_lon: Tensor
    cos_lon: Tensor
    sin_lat: Tensor
    cos_lat: Tensor


class _Sphere2Vec(Encoding):
    """Base of the Sphere2Vec encodings: geometrically spaced scales, features in the order of the scales.

    As published, the largest scale is one radian.

    Parameters
    ----------
    scales : int
        S, the number of scales.
    min_scale, max_scale : float
        Smallest and largest scale, degrees.
    terms : int
        Features per scale.
    scaled, plain : int
        Pairs of features per scale that equal, along the equator, the cosine and sine of longitude / scale, and of
        longitude itself.
    """

    inverse: Tensor

    def __init__(
        self, scales: int, min_scale: float, max_scale: float, terms: int, scaled: int, plain: int = 0
    ) -> None:
        super().__init__()
        scale = geometric_scales(scales, min_scale, max_scale)
        self.width = terms * scales
        self.register_buffer("inverse", 1 / scale, persistent=False)
        pairs = torch.cat((scale.repeat(scaled), torch.full((plain * scales,), 180 / math.pi)))
        self.shortest_wavelength_km = equator_km(pairs).quantile(0.05).item()
        self.nominal_wavelength_km = equator_km(scale[0]).item()

    def _terms(self, scaled: _Waves, plain: _Waves) -> tuple[Tensor, ...]:
        """Features of every scale, (n, S) each."""
        raise NotImplementedError

    def forward(self, lonlat: Tensor) -> Tensor:
        lonlat = lonlat.double()
        plain = _waves(torch.deg2rad(lonlat)[:, None, :])
        scaled = _waves(lonlat[:, None, :] * self.inverse[:, None])
        return torch.stack(self._terms(scaled, plain), dim=2).flatten(1).float()


def _waves(angles: Tensor) -> _Waves:
    (sin_lon, sin_lat), (cos_lon, cos_lat) = torch.sin(angles).unbind(2), torch.cos(angles).unbind(2)
    return _Waves(sin_lon, cos_lon, sin_lat, cos_lat)


class SphereC(_Sphere2Vec):
    """sphereC: the unit vector of longitude / scale and latitude / scale.

    For each scale: sin p_s, cos p_s cos l_s, cos p_s sin l_s.

    Parameters
    ----------
    scales : int
        S, the number of scales; there are 3 S features.
    min_scale, max_scale : float
        Smallest and largest scale, degrees. At one radian the features are the unit vector; at smaller scales they are
        discontinuous at the date line.
    """

    def __init__(self, scales: int, min_scale: float, max_scale: float) -> None:
        super().__init__(scales, min_scale, max_scale, terms=3, scaled=1)

    def _terms(self, scaled: _Waves, plain: _Waves) -> tuple[Tensor, ...]:
        return _sphere_c(scaled)


class SphereM(_Sphere2Vec):
    """sphereM: unit vectors in which one angle at a time is divided by the scale.

    For each scale: sin p_s, cos p_s cos l, cos p cos l_s, cos p_s sin l, cos p sin l_s.

    Parameters
    ----------
    scales : int
        S, the number of scales; there are 5 S features.
    min_scale, max_scale : float
        Smallest and largest scale, degrees.
    """

    def __init__(self, scales: int, min_scale: float, max_scale: float) -> None:
        super().__init__(scales, min_scale, max_scale, terms=5, scaled=1, plain=1)

    def _terms(self, scaled: _Waves, plain: _Waves) -> tuple[Tensor, ...]:
        return _sphere_m(scaled, plain)


class SphereCPlus(_Sphere2Vec):
    """sphereC+: for each scale the three features of `SphereC`, then cos p_s, sin l_s, cos l_s of the grid.

    The grid's sin p_s is already one of the three and is not repeated.

    Parameters
    ----------
    scales : int
        S, the number of scales; there are 6 S features.
    min_scale, max_scale : float
        Smallest and largest scale, degrees.
    """

    def __init__(self, scales: int, min_scale: float, max_scale: float) -> None:
        super().__init__(scales, min_scale, max_scale, terms=6, scaled=2)

    def _terms(self, scaled: _Waves, plain: _Waves) -> tuple[Tensor, ...]:
        return *_sphere_c(scaled), scaled.cos_lat, scaled.sin_lon, scaled.cos_lon


class SphereMPlus(_Sphere2Vec):
    """sphereM+: for each scale the five features of `SphereM`, then cos p_s, sin l_s, cos l_s of the grid.

    The grid's sin p_s is already one of the five and is not repeated.

    Parameters
    ----------
    scales : int
        S, the number of scales; there are 8 S features.
    min_scale, max_scale : float
        Smallest and largest scale, degrees.
    """

    def __init__(self, scales: int, min_scale: float, max_scale: float) -> None:
        super().__init__(scales, min_scale, max_scale, terms=8, scaled=2, plain=1)

    def _terms(self, scaled: _Waves, plain: _Waves) -> tuple[Tensor, ...]:
        return *_sphere_m(scaled, plain), scaled.cos_lat, scaled.sin_lon, scaled.cos_lon


class DoubleFourierSphere(_Sphere2Vec):
    """dfs: the double Fourier sphere, waves of longitude and latitude at several scales and all their products.

    First sin p_n, cos p_n, sin l_m and cos l_m, each for all scales; then for all scales n and m: cos p_n cos l_m,
    cos p_n sin l_m, sin p_n cos l_m and sin p_n sin l_m.

    Parameters
    ----------
    scales : int
        S, the number of scales; there are 4 S**2 + 4 S features.
    min_scale, max_scale : float
        Smallest and largest scale, degrees.

    References
    ----------
    Orszag (1974). Fourier series on spheres. Monthly Weather Review 102.
    """

    def __init__(self, scales: int, min_scale: float, max_scale: float) -> None:
        geometric_scales(scales, min_scale, max_scale)  # validates `scales` before it is used below
        # Along the equator sin p_n is 0 and cos p_n is 1, so each l_m occurs alone and in S products.
        super().__init__(scales, min_scale, max_scale, terms=4 * scales + 4, scaled=scales + 1)

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        waves = _waves(lonlat.double()[:, None, :] * self.inverse[:, None])
        singles = (waves.sin_lat, waves.cos_lat, waves.sin_lon, waves.cos_lon)
        products = [
            lat[:, :, None] * lon[:, None, :]
            for lat in (waves.cos_lat, waves.sin_lat)
            for lon in (waves.cos_lon, waves.sin_lon)
        ]
        return torch.cat((*singles, torch.stack(products, dim=3).flatten(1)), dim=1).float()


def _sphere_c(scaled: _Waves) -> tuple[Tensor, ...]:
    return scaled.sin_lat, scaled.cos_lat * scaled.cos_lon, scaled.cos_lat * scaled.sin_lon


def _sphere_m(scaled: _Waves, plain: _Waves) -> tuple[Tensor, ...]:
    return (
        scaled.sin_lat,
        scaled.cos_lat * plain.cos_lon,
        plain.cos_lat * scaled.cos_lon,
        scaled.cos_lat * plain.sin_lon,
        plain.cos_lat * scaled.sin_lon,
    )
