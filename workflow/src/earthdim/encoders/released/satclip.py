"""SatCLIP's released location encoders: spherical harmonics as computed by its code, and a SIREN."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from earthdim.encoders.encodings.base import Encoding
from earthdim.encoders.encodings.spherical_harmonics import SphericalHarmonics
from earthdim.encoders.location import LocationEncoder
from earthdim.encoders.networks.siren import Siren
from earthdim.encoders.released.checkpoint import contents, state
from earthdim.encoders.released.layout import check_hyperparameters, fill
from earthdim.encoders.released.sources import locate

# Other parts of the published model, which registers the location network twice.
ASIDE = ("model.visual.", "model.nnet.", "model.logit_scale")


class ReleasedHarmonics(Encoding):
    """Real spherical harmonics as SatCLIP's released code computes them.

    Compared with orthonormal harmonics, the harmonic of degree l and order m is multiplied by (-1)**(l + m), because
    the code's polar angle is latitude + 90 degrees and its azimuth longitude + 180, without the Condon-Shortley phase.
    Zonal harmonics (m = 0) are also multiplied by pi, because the code has sqrt((2 l + 1) / 4 * pi) instead of
    sqrt((2 l + 1) / (4 pi)). The weights were trained on these inputs.

    Parameters
    ----------
    legendre_polys : int
        L, the number of degrees; there are L**2 features.

    References
    ----------
    https://github.com/microsoft/satclip, satclip/positional_encoding/spherical_harmonics_generate_ylms.py.
    """

    factors: Tensor

    def __init__(self, legendre_polys: int) -> None:
        super().__init__()
        self.harmonics = SphericalHarmonics(legendre_polys, scale="orthonormal")
        self.width = self.harmonics.width
        self.shortest_wavelength_km = self.harmonics.shortest_wavelength_km
        self.nominal_wavelength_km = self.harmonics.nominal_wavelength_km
        factors = [
            (-1) ** (degree + order) * (math.pi if order == 0 else 1)
            for degree in range(legendre_polys)
            for order in range(-degree, degree + 1)
        ]
        # Determined by the arguments, so not stored in checkpoints.
        self.register_buffer("factors", torch.tensor(factors, dtype=torch.float32), persistent=False)

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        return self.harmonics(lonlat) * self.factors


def location_encoder(
    source: Mapping[str, str],
    sha256: str | None,
    legendre_polys: int,
    width: int = 512,
    hidden_layers: int = 2,
    outputs: int = 256,
) -> LocationEncoder:
    """Read the location encoder of one of SatCLIP's six checkpoints.

    Parameters
    ----------
    source, sha256
        Location of the weights and digest of their file; see `earthdim.encoders.released`.
    legendre_polys : int
        L: 10 or 40.
    width, hidden_layers, outputs : int
        Units and number of the sine layers, and dimension of the embedding.

    Returns
    -------
    LocationEncoder
        In single precision; the published encoder uses double precision. Both take longitude first.

    Notes
    -----
    The files are Lightning checkpoints: ``hyper_parameters`` of numbers and strings, and a ``state_dict`` with the
    location encoder below ``model.location``, next to the image encoder. The published harmonics of degree 39 lose
    digits in their expanded polynomials; these do not.

    References
    ----------
    Klemmer, Rolf, Robinson, Mackey, Russwurm (2025). SatCLIP: Global, general-purpose location embeddings with
    satellite imagery. AAAI. https://github.com/microsoft/satclip (MIT).
    """
    path = locate(source)
    found = contents(path, sha256)
    expected = {
        "le_type": "sphericalharmonics",
        "harmonics_calculation": "analytic",
        "legendre_polys": legendre_polys,
        "pe_type": "siren",
        "capacity": width,
        "num_hidden_layers": hidden_layers,
        "embed_dim": outputs,
    }
    check_hyperparameters(found.get("hyper_parameters"), expected, path)
    encoding = ReleasedHarmonics(legendre_polys)
    encoder = LocationEncoder(encoding, Siren(encoding.width, width, hidden_layers, outputs, 30.0, 1.0))
    layers = {f"network.hidden.{i}": f"model.location.nnet.layers.{i}" for i in range(hidden_layers)}
    layers["network.last"] = "model.location.nnet.last_layer"
    names = {
        f"{ours}.{kind}": f"{theirs}.{kind}" for ours, theirs in layers.items() for kind in ("weight", "bias")
    }
    return fill(encoder, state(found, path), names, path, ASIDE)
