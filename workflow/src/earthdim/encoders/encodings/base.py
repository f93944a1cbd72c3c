"""What every positional encoding promises."""

import torch
from torch import Tensor, nn

from earthdim.geo import EARTH_RADIUS_KM

CIRCUMFERENCE_KM = 2 * torch.pi * EARTH_RADIUS_KM


class Encoding(nn.Module):
    """A fixed map from longitude and latitude to features; it has buffers, but nothing to train.

    Attributes
    ----------
    width : int
        Number of features.
    shortest_wavelength_km : float or None
        5th percentile of the ground wavelengths of the features' frequencies along the equator; of a
        band-limited set, the wavelength of its limit. The one axis on which the resolutions of all families
        compare. None where no feature varies along the equator, or nobody knows.
    nominal_wavelength_km : float or None
        The ground wavelength at the equator that the resolution knob names. None where there is no knob.
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
