"""SINR's released location encoders: coordinates wrapped onto circles and a residual network, trained on sightings."""

from collections.abc import Mapping

from earthdim.encoders.encodings.coordinates import Wrap
from earthdim.encoders.location import LocationEncoder
from earthdim.encoders.networks import ResidualFCNet
from earthdim.encoders.released.checkpoint import contents, state
from earthdim.encoders.released.layout import check_hyperparameters, fill
from earthdim.encoders.released.sources import locate


def location_encoder(
    source: Mapping[str, str], sha256: str | None, width: int = 256, blocks: int = 4
) -> LocationEncoder:
    """Read one of SINR's location encoders.

    Parameters
    ----------
    source : mapping
        Where the weights are; see `earthdim.encoders.released.sources.locate`.
    sha256 : str or None
        Hexadecimal digest that the file must have; None is refused.
    width : int
        Units of every layer, and dimension of the embedding.
    blocks : int
        Number of residual blocks.

    Returns
    -------
    LocationEncoder
        In evaluation mode: the features before the layer of species. Coordinates are longitude, latitude, as published.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    CheckpointError
        If the file is not the one that `sha256` names, or not of this layout; models that read climate rasters besides
        coordinates are not.

    Notes
    -----
    The authors' files hold ``params``, among them every species, and a ``state_dict``; copies in the package rshf's
    format hold the same tensors alone.

    References
    ----------
    Cole, Van Horn, Lange, Shepard, Leary, Perona, Loarie, Mac Aodha (2023). Spatial implicit neural representations for
    global-scale species mapping. ICML. https://github.com/elijahcole/sinr (MIT).
    """
    path = locate(source)
    found = contents(path, sha256)
    expected = {
        "model": "ResidualFCNet",
        "input_enc": "sin_cos",
        "input_dim": 4,
        "num_filts": width,
        "depth": blocks,
    }
    check_hyperparameters(found.get("params"), expected, path)
    encoding = Wrap()
    encoder = LocationEncoder(encoding, ResidualFCNet(encoding.width, width, blocks))
    layers = {"first": "feats.0"}
    for i in range(blocks):
        # The first two of the published sequence are the first layer and its ReLU.
        layers |= {f"blocks.{i}.first": f"feats.{i + 2}.w1", f"blocks.{i}.second": f"feats.{i + 2}.w2"}
    names = {
        f"network.{ours}.{kind}": f"{theirs}.{kind}"
        for ours, theirs in layers.items()
        for kind in ("weight", "bias")
    }
    return fill(encoder, state(found, path), names, path, ("class_emb.",))
