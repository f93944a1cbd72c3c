"""TaxaBind's released location encoder: GeoCLIP's architecture, trained further on images of species."""

from collections.abc import Mapping

from earthdim.encoders.location import LocationEncoder
from earthdim.encoders.released import geoclip


def location_encoder(source: Mapping[str, str], sha256: str | None) -> LocationEncoder:
    """Read TaxaBind's location encoder.

    Its public loaders build GeoCLIP's location encoder with three capsules and load a state of the same names into it,
    from a safetensors file (the package rshf) or from torch's format (the repository of RANGE).

    Parameters
    ----------
    source : mapping
        Where the weights are; see `earthdim.encoders.released.sources.locate`.
    sha256 : str or None
        Hexadecimal digest that the file must have; None is refused.

    Returns
    -------
    LocationEncoder
        512 dimensions, not normalised, in evaluation mode. Coordinates are longitude, latitude; the published one
        takes latitude first.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    CheckpointError
        If the file is not the one that `sha256` names, or not of this layout.

    References
    ----------
    Sastry, Khanal, Dhakal, Ahmad, Jacobs (2025). TaxaBind: A unified embedding space for ecological applications.
    WACV. https://github.com/mvrl/TaxaBind; loader: https://github.com/mvrl/rshf.
    """
    return geoclip.location_encoder(source, sha256)
