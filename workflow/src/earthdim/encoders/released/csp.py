"""CSP's released location encoders, pretrained on fMoW and iNaturalist 2018: Space2Vec's grid and a small network."""

from collections.abc import Mapping

from torch import Tensor, nn

from earthdim.encoders.encodings.space2vec import Grid
from earthdim.encoders.location import LocationEncoder
from earthdim.encoders.released.checkpoint import contents, state
from earthdim.encoders.released.layout import check_hyperparameters, fill
from earthdim.encoders.released.sources import locate

# The published slope is 0.2; torch's default is 0.01.
ACTIVATIONS = {
    "gelu": nn.GELU,
    "leakyrelu": lambda: nn.LeakyReLU(0.2),
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}
# Classifiers of the supervised stage, decoders of the contrastive stage, and a second copy of the encoder.
ASIDE = (
    *(f"{part}{name}." for part in ("", "loc_enc.") for name in ("class_emb", "user_emb")),
    *("img_dec.", "loc_dec.", "spa_enc."),
)


class CoordinateGrid(Grid):
    """Space2Vec's grid in CSP's order: all scales of longitude, then all of latitude; sine before cosine."""

    def __init__(self, scales: int, min_scale: float, max_scale: float) -> None:
        super().__init__(scales, min_scale, max_scale)
        self.scales = scales

    def forward(self, lonlat: Tensor) -> Tensor:  # noqa: D102
        return super().forward(lonlat).unflatten(1, (self.scales, 2, 2)).transpose(1, 2).flatten(1)


class CSPNetwork(nn.Module):
    """CSP's feed-forward network without its dropout.

    Unlike in `earthdim.encoders.networks.space_ffn.SpaceFFN`, the activation also follows the last layer.

    Parameters
    ----------
    inputs, width, outputs : int
        Numbers of features, of hidden units, and dimension of the embedding.
    activation : {"gelu", "leakyrelu", "relu", "sigmoid", "tanh"}
        Published name; the slope of leakyrelu is 0.2.
    """

    def __init__(self, inputs: int, width: int, outputs: int, activation: str) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")
        self.inputs, self.outputs = inputs, outputs
        self.hidden, self.last = nn.Linear(inputs, width), nn.Linear(width, outputs)
        self.norm = nn.LayerNorm(width)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, inputs) to embeddings (n, outputs)."""
        return self.activation(self.last(self.norm(self.activation(self.hidden(features)))))


def location_encoder(
    source: Mapping[str, str],
    sha256: str | None,
    activation: str,
    scales: int = 32,
    min_scale: float = 0.1,
    max_scale: float = 360.0,
    width: int = 512,
    outputs: int = 256,
) -> LocationEncoder:
    """Read one of CSP's location encoders.

    Parameters
    ----------
    source, sha256
        Location of the weights and digest of their file; see `earthdim.encoders.released`.
    activation : str
        gelu for fMoW, leakyrelu for iNaturalist 2018.
    scales : int
        Number of scales of the grid.
    min_scale, max_scale : float
        Smallest and largest scale, degrees.
    width, outputs : int
        Units of the one hidden layer, and dimension of the embedding.

    Returns
    -------
    LocationEncoder
        It takes longitude first, as published. The published code rounds coordinates to single precision before it
        divides them by the scales; this encoder does not.

    Notes
    -----
    The files hold ``params``, the arguments of the training script, and a ``state_dict``. The network with one hidden
    layer has no skip connection, because its shapes do not match.

    References
    ----------
    Mai, Lao, He, Song, Ermon (2023). CSP: Self-supervised contrastive spatial pre-training for geospatial-visual
    representations. ICML. https://github.com/gengchenmai/csp.
    """
    path = locate(source)
    found = contents(path, sha256)
    expected = {
        "spa_enc_type": "gridcell",
        "freq_init": "geometric",
        "frequency_num": scales,
        "min_radius": min_scale,
        "max_radius": max_scale,
        "num_hidden_layer": 1,
        "hidden_dim": width,
        "num_filts": outputs,
        "spa_f_act": activation,
        "use_layn": True,
    }
    check_hyperparameters(found.get("params"), expected, path)
    encoding = CoordinateGrid(scales, min_scale, max_scale)
    encoder = LocationEncoder(encoding, CSPNetwork(encoding.width, width, outputs, activation))
    layers = {"hidden": "layers.0.linear", "norm": "layers.0.layernorm", "last": "layers.1.linear"}
    names = {
        f"network.{ours}.{kind}": f"loc_enc.spa_enc.ffn.{theirs}.{kind}"
        for ours, theirs in layers.items()
        for kind in ("weight", "bias")
    }
    return fill(encoder, state(found, path), names, path, ASIDE)
