"""GeoCLIP's released location encoder, from the weights in its Python package."""

from collections.abc import Mapping, Sequence

import torch

from earthdim.encoders.encodings.fourier import EqualEarthFourier
from earthdim.encoders.location import LocationEncoder
from earthdim.encoders.networks.capsules import Capsules
from earthdim.encoders.released.checkpoint import read
from earthdim.encoders.released.layout import shapes, take
from earthdim.encoders.released.sources import locate

SIGMAS = (2**0, 2**4, 2**8)
FEATURES = 256


def location_encoder(
    source: Mapping[str, str], sha256: str | None, sigmas: Sequence[float] = SIGMAS
) -> LocationEncoder:
    """Read GeoCLIP's location encoder without importing its package, which imports vision models.

    Parameters
    ----------
    source, sha256
        Location of the weights and digest of their file; see `earthdim.encoders.released`.
    sigmas : sequence of float
        Standard deviations of the frequencies, one per capsule. The frequencies themselves are read from the file, so
        these only determine the nominal wavelength.

    Returns
    -------
    LocationEncoder
        One capsule per sigma, 512 dimensions. It takes longitude first; the published encoder takes latitude first.

    References
    ----------
    Vivanco Cepeda, Nayak, Shah (2023). GeoCLIP: Clip-inspired alignment between locations and images for
    effective worldwide geo-localization. NeurIPS. https://github.com/VicenteVivan/geo-clip (MIT).
    """
    path = locate(source)
    published, names = read(path, sha256), _names(len(sigmas))
    encoder = LocationEncoder(
        EqualEarthFourier(sigmas=sigmas, features=FEATURES, seed=0),
        Capsules(
            inputs=2 * FEATURES * len(sigmas), capsules=len(sigmas), width=1024, hidden_layers=3, outputs=512
        ),
    )
    # The frequencies multiply (easting, northing), as in EqualEarthFourier, although the published encoder takes
    # latitude first.
    frequencies = [f"LocEnc{level}.capsule.0.b" for level in range(len(sigmas))]
    wanted = shapes(encoder, names) | dict.fromkeys(frequencies, (FEATURES, 2))
    found = take(published, wanted, path)
    # EqualEarthFourier keeps the frequencies of all levels in one tensor.
    stacked = torch.stack([found[name] for name in frequencies]).double()
    encoder.load_state_dict(
        {"encoding.frequencies": stacked, **{ours: found[theirs] for ours, theirs in names.items()}}
    )
    return encoder.eval()


def _names(levels: int) -> dict[str, str]:
    names = {}
    for level in range(levels):
        for ours, theirs in ((0, "capsule.1"), (2, "capsule.3"), (4, "capsule.5"), (6, "head.0")):
            for kind in ("weight", "bias"):
                names[f"network.capsules.{level}.{ours}.{kind}"] = f"LocEnc{level}.{theirs}.{kind}"
    return names
