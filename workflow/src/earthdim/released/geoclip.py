"""GeoCLIP's released location encoder, from the weights that its Python package carries."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from earthdim.encoders import LocationEncoder
from earthdim.encodings.fourier import EqualEarthFourier
from earthdim.networks import Capsules
from earthdim.released.layout import check_tensor, fill
from earthdim.released.sources import CheckpointError, locate, read

SIGMAS = (2**0, 2**4, 2**8)
FEATURES = 256


def location_encoder(
    source: Mapping[str, str], sha256: str | None, sigmas: Sequence[float] = SIGMAS
) -> LocationEncoder:
    """Read GeoCLIP's location encoder without importing its package, which would pull in vision models.

    Parameters
    ----------
    source : mapping
        Where the weights are; see `earthdim.released.sources.locate`.
    sha256 : str or None
        Hexadecimal digest that the file must have; None is refused.
    sigmas : sequence of float
        Standard deviations of the frequencies, one a capsule. The frequencies themselves are in the file, so these
        only say what wavelength the encoder is called after.

    Returns
    -------
    LocationEncoder
        A capsule for each sigma, 512 dimensions, in evaluation mode. Coordinates are longitude, latitude; the
        published one takes latitude first.

    Raises
    ------
    FileNotFoundError
        If the package or its weights are not installed.
    CheckpointError
        If the file is not the one that `sha256` names, or not of this layout.

    References
    ----------
    Vivanco Cepeda, Nayak, Shah (2023). GeoCLIP: Clip-inspired alignment between locations and images for
    effective worldwide geo-localization. NeurIPS. https://github.com/VicenteVivan/geo-clip (MIT).
    """
    path = locate(source)
    published = _stacked(read(path, sha256), len(sigmas), path)
    encoder = LocationEncoder(
        EqualEarthFourier(sigmas=sigmas, features=FEATURES, seed=0),
        Capsules(
            inputs=2 * FEATURES * len(sigmas), capsules=len(sigmas), width=1024, hidden_layers=3, outputs=512
        ),
    )
    return fill(encoder, published, _names(len(sigmas)), path)


def _stacked(published: dict[str, Tensor], levels: int, path: Path) -> dict[str, Tensor]:
    """The frequencies of all levels under one name, as our encoding keeps them."""
    # They multiply (easting, northing), as ours do, although the published encoder takes latitude first.
    names = [f"LocEnc{level}.capsule.0.b" for level in range(levels)]
    for name in names:
        if name not in published:
            raise CheckpointError(f"{path}: {name} is missing")
        check_tensor(published[name], (FEATURES, 2), name, path)
    rest = {name: value for name, value in published.items() if name not in names}
    return {**rest, "frequencies": torch.stack([published[name] for name in names]).double()}


def _names(levels: int) -> dict[str, str]:
    names = {"encoding.frequencies": "frequencies"}
    for level in range(levels):
        for ours, theirs in ((0, "capsule.1"), (2, "capsule.3"), (4, "capsule.5"), (6, "head.0")):
            for kind in ("weight", "bias"):
                names[f"network.capsules.{level}.{ours}.{kind}"] = f"LocEnc{level}.{theirs}.{kind}"
    return names
