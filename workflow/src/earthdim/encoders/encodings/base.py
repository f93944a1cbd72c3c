"""The contract of all positional encodings."""

import torch
from torch import Tensor, nn

from earthdim.geo import EARTH_RADIUS_KM

CIRCUMFERENCE_KM = 2 * torch.pi * EARTH_RADIUS_KM


class Encoding(nn.Module):
    """A fixed map from longitude and latitude to features.

    An encoding has no trainable parameters. Buffers that follow from its arguments are not stored in checkpoints;
    random or library-dependent ones are. It computes in float64 and returns float32, in an order of features that its
    docstring states.

    Attributes
    ----------
    width : int
        Number of features.
    shortest_wavelength_km : float or None
        5th percentile of the ground wavelengths, along the equator, of the features' frequencies; for a band-limited
        set, the wavelength of its band limit. The resolutions of all families are compared by this value. None if no
        feature varies along the equator or the frequencies are unknown.
    nominal_wavelength_km : float or None
        Ground wavelength at the equator that corresponds to the resolution parameter; None if there is none.
    """

    width: int
    shortest_wavelength_km: float | None
    nominal_wavelength_km: float | None

    def forward(self, lonlat: Tensor) -> Tensor:
        """Encode coordinates.

        Parameters
        ----------
        lonlat : Tensor of shape (n, 2), float64
            Longitude and latitude in degrees.

        Returns
        -------
        Tensor of shape (n, width), float32
        """
        raise NotImplementedError
