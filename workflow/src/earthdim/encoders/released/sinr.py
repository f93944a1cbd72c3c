"""SINR's released location encoders: wrapped coordinates and a residual network, trained on species observations."""

from collections.abc import Mapping

from earthdim.encoders.encodings.coordinates import Wrap
from earthdim.encoders.location import LocationEncoder
from earthdim.encoders.networks.residual_fc_net import ResidualFCNet
from earthdim.encoders.released.checkpoint import contents, state
from earthdim.encoders.released.layout import check_hyperparameters, fill
from earthdim.encoders.released.sources import locate


def location_encoder(
    source: Mapping[str, str], sha256: str | None, width: int = 256, blocks: int = 4
) -> LocationEncoder:
    """Read one of SINR's location encoders.

    Parameters
    ----------
    source, sha256
        Location of the weights and digest of their file; see `earthdim.encoders.released`.
    width : int
        Units of every layer, and dimension of the embedding.
    blocks : int
        Number of residual blocks.

    Returns
    -------
    LocationEncoder
        It returns the features before the species layer. It takes longitude first, as published.

    Notes
    -----
    The authors' files hold ``params``, including all species, and a ``state_dict``; copies in the format of the package
    rshf hold only the tensors. Models that also read climate rasters are rejected.

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
        # Entries 0 and 1 of the published sequence are the first layer and its ReLU.
        layers |= {f"blocks.{i}.first": f"feats.{i + 2}.w1", f"blocks.{i}.second": f"feats.{i + 2}.w2"}
    names = {
        f"network.{ours}.{kind}": f"{theirs}.{kind}"
        for ours, theirs in layers.items()
        for kind in ("weight", "bias")
    }
    return fill(encoder, state(found, path), names, path, ("class_emb.",))
