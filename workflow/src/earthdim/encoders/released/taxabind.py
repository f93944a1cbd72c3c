"""TaxaBind's released location encoder: GeoCLIP's architecture, fine-tuned on images of species."""

from collections.abc import Mapping

from earthdim.encoders.location import LocationEncoder
from earthdim.encoders.released import geoclip


def location_encoder(source: Mapping[str, str], sha256: str | None) -> LocationEncoder:
    """Read TaxaBind's location encoder.

    Its public loaders build GeoCLIP's location encoder with three capsules and load a state with the same names, from a
    safetensors file (the package rshf) or from torch's format (the repository of RANGE).

    Parameters
    ----------
    source, sha256
        Location of the weights and digest of their file; see `earthdim.encoders.released`.

    Returns
    -------
    LocationEncoder
        512 dimensions, not normalised. It takes longitude first; the published encoder takes latitude first.

    References
    ----------
    Sastry, Khanal, Dhakal, Ahmad, Jacobs (2025). TaxaBind: A unified embedding space for ecological applications.
    WACV. https://github.com/mvrl/TaxaBind; loader: https://github.com/mvrl/rshf.
    """
    return geoclip.location_encoder(source, sha256)
