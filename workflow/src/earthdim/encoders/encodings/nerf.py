"""The positional encoding of neural radiance fields, applied to the unit vector."""

import math

import numpy as np
import torch
from scipy.special import jv
from torch import Tensor

from earthdim.encoders.encodings.base import CIRCUMFERENCE_KM, Encoding
from earthdim.encoders.encodings.coordinates import unit_vectors


class NeRF(Encoding):
    """Sines and cosines of the unit vector's components at doubling frequencies.

    For each octave s = 0, 1, ..., octaves - 1: sin of 2**s pi times x, y and z, then cos of the same. The encoding is
    continuous at the date line and unique at the poles.

    Parameters
    ----------
    octaves : int
        S, the number of octaves; there are 6 S features.

    Notes
    -----
    The nominal wavelength is that of 2**s pi x of the last octave where x changes fastest: 2**(1 - s) Earth radii.
    Along the equator x = cos(longitude), and by the Jacobi-Anger expansion the n-th harmonic of
    sin(beta cos(longitude)), n odd, and of cos(beta cos(longitude)), n even, has the amplitude 2 |J_n(beta)|. The n of
    the largest amplitude is taken as the frequency of a feature.

    References
    ----------
    Mildenhall, Srinivasan, Tancik, Barron, Ramamoorthi, Ng (2020). NeRF: representing scenes as neural radiance
    fields for view synthesis. ECCV, eq. 4.

    Mai et al. (2023). Sphere2Vec: a general-purpose location representation learning over a spherical surface for
    large-scale geospatial predictions. ISPRS Journal of Photogrammetry and Remote Sensing 202 (its baseline
    "NeRF" takes the unit vector).

    Abramowitz, Stegun (1964). Handbook of mathematical functions, eq. 9.1.44-45.
    """

    frequencies: Tensor

    def __init__(self, octaves: int) -> None:
        super().__init__()
        if isinstance(octaves, bool) or not isinstance(octaves, int) or octaves < 1:
            raise ValueError(f"octaves must be a positive whole number, got {octaves!r}")
        self.width = 6 * octaves
        frequencies = math.pi * 2.0 ** torch.arange(octaves, dtype=torch.float64)
        self.register_buffer("frequencies", frequencies, persistent=False)
        cycles = [_dominant_cycles(beta, first) for beta in frequencies.tolist() for first in (1, 2)]
        # Twice, for x and y; z is constant along the equator.
        self.shortest_wavelength_km = float(np.quantile(CIRCUMFERENCE_KM / np.repeat(cycles, 2), 0.05))
        self.nominal_wavelength_km = CIRCUMFERENCE_KM / frequencies[-1].item()

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        phase = unit_vectors(lonlat)[:, None, :] * self.frequencies[:, None]
        return torch.cat((torch.sin(phase), torch.cos(phase)), dim=2).flatten(1).float()


def _dominant_cycles(beta: float, first: int) -> int:
    """Order n = first, first + 2, ... of the largest |J_n(beta)|; it is below beta, or `first`."""
    orders = np.arange(first, max(beta, first) + 1, 2)
    return int(orders[np.argmax(np.abs(jv(orders, beta)))])
