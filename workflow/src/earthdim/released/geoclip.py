"""GeoCLIP's released location encoder, from the weights that its Python package carries."""

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import torch

from earthdim.encoders import LocationEncoder
from earthdim.encodings.fourier import EqualEarthFourier
from earthdim.networks import Capsules

SIGMAS = (2**0, 2**4, 2**8)
FEATURES = 256


def location_encoder(
    sha256: str, file: str = "geoclip/model/weights/location_encoder_weights.pth"
) -> LocationEncoder:
    """Read GeoCLIP's location encoder without importing its package, which would pull in vision models.

    Parameters
    ----------
    sha256 : str
        Hexadecimal digest that the file must have.
    file : str
        The weights, relative to the directory where the package ``geoclip`` is installed.

    Returns
    -------
    LocationEncoder
        Three capsules, 512 dimensions, in evaluation mode. Coordinates are longitude, latitude; the
        published one takes latitude first.

    Raises
    ------
    FileNotFoundError
        If the package or its weights are not installed.
    ValueError
        If the file is not the one that `sha256` names.

    References
    ----------
    Vivanco Cepeda, Nayak, Shah (2023). GeoCLIP: Clip-inspired alignment between locations and images for
    effective worldwide geo-localization. NeurIPS. https://github.com/VicenteVivan/geo-clip (MIT).
    """
    path = _installed(file)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != sha256:
        raise ValueError(f"sha256: {path} has the digest {digest}, not {sha256}")
    published = torch.load(path, map_location="cpu", weights_only=True)
    encoder = LocationEncoder(
        EqualEarthFourier(sigmas=SIGMAS, features=FEATURES, seed=0),
        Capsules(
            inputs=2 * FEATURES * len(SIGMAS),
            capsules=len(SIGMAS),
            width=1024,
            hidden_layers=3,
            outputs=512,
        ),
    )
    encoder.load_state_dict(_renamed(published))
    return encoder.eval()


def _installed(file: str) -> Path:
    """Path of a file of the installed distribution geoclip."""
    try:
        path = Path(str(distribution("geoclip").locate_file(file)))
    except PackageNotFoundError as error:
        raise FileNotFoundError("the package geoclip, which carries the weights, is not installed") from error
    if not path.is_file():
        raise FileNotFoundError(f"the installed package geoclip has no file {file}")
    return path


def _renamed(published: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Bring the published state under the names of our encoder."""
    levels = range(len(SIGMAS))
    # Its frequencies multiply (easting, northing), as ours do, although it takes latitude first.
    state = {
        "encoding.frequencies": torch.stack([published[f"LocEnc{i}.capsule.0.b"] for i in levels]).double()
    }
    for i in levels:
        for kind in ("weight", "bias"):
            for ours, theirs in ((0, "capsule.1"), (2, "capsule.3"), (4, "capsule.5"), (6, "head.0")):
                state[f"network.capsules.{i}.{ours}.{kind}"] = published[f"LocEnc{i}.{theirs}.{kind}"]
    return state
