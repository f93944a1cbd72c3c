"""Location encoders: a positional encoding, a network, and a sealed method that computes embeddings."""

from collections.abc import Mapping
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from earthdim.build import build
from earthdim.encoders.encodings.base import Encoding
from earthdim.geo import check_lonlat


class LocationEncoder(nn.Module):
    """A map from longitude and latitude to an embedding.

    A subclass may override the hooks `forward` and `check_embeddings`; `embed`, which all measurements use, is sealed.

    Parameters
    ----------
    encoding : Encoding
        Maps coordinates to features; it has no trainable parameters.
    network : Module
        Maps features to embeddings; its attribute `outputs` is their dimension.
    """

    def __init__(self, encoding: Encoding, network: nn.Module) -> None:
        super().__init__()
        self.encoding = encoding
        self.network = network

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "embed" in vars(cls):
            raise TypeError(f"{cls.__name__} overrides embed, which is sealed: override forward instead")

    # False in a subclass that computes outside torch.
    differentiable = True

    @property
    def ambient_dim(self) -> int:
        """Dimension of the embeddings."""
        return self.network.outputs

    @property
    def parameters_count(self) -> int:
        """Number of trainable parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def forward(self, lonlat: Tensor) -> Tensor:
        """Map longitude and latitude in degrees, (n, 2) float64, to embeddings (n, ambient_dim)."""
        return self.network(self.encoding(lonlat))

    def check_embeddings(self, embeddings: np.ndarray) -> None:
        """Check all embeddings, (n, ambient_dim); does nothing for trained and released encoders."""

    @final
    def embed(self, lonlat: np.ndarray, batch: int = 4096) -> np.ndarray:
        """Embed coordinates in evaluation mode, without gradients.

        Parameters
        ----------
        lonlat : ndarray of shape (n, 2)
            Longitude and latitude in degrees.
        batch : int
            Number of points per forward pass.

        Returns
        -------
        ndarray of shape (n, ambient_dim), float32

        Raises
        ------
        ValueError
            If the coordinates are not longitudes and latitudes, `batch` is not positive, `forward` returns another
            shape, or `check_embeddings` rejects the embeddings.
        FloatingPointError
            If an embedding is not finite.
        """
        lonlat = check_lonlat(lonlat)
        if batch < 1:
            raise ValueError(f"batch must be positive, got {batch!r}")
        embeddings = np.empty((len(lonlat), self.ambient_dim), dtype=np.float32)
        was_training = self.training
        self.eval()
        try:
            with torch.no_grad():
                for start in range(0, len(lonlat), batch):
                    part = torch.from_numpy(lonlat[start : start + batch])
                    embedded = self(part)
                    if embedded.shape != (len(part), self.ambient_dim):
                        raise ValueError(f"forward returned {tuple(embedded.shape)} for {len(part)} points")
                    embeddings[start : start + batch] = embedded.numpy()
        finally:
            self.train(was_training)
        finite = np.isfinite(embeddings).all(axis=1)
        if not finite.all():
            longitude, latitude = lonlat[np.argmin(finite)]
            raise FloatingPointError(
                f"{np.count_nonzero(~finite)} of {len(lonlat)} embeddings are not finite, "
                f"the first at longitude {longitude}, latitude {latitude}"
            )
        self.check_embeddings(embeddings)
        return embeddings


class Passthrough(nn.Identity):
    """A network that returns its inputs, without parameters.

    Parameters
    ----------
    inputs : int
        Number of features.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.outputs = inputs


def raw_encoder(model_cfg: Mapping[str, Any]) -> LocationEncoder:
    """Build the positional encoding of a model alone, as an encoder; its width is the ambient dimension.

    Parameters
    ----------
    model_cfg : mapping
        With the leaf `encoding`.
    """
    encoding = build(model_cfg["encoding"])
    return LocationEncoder(encoding, Passthrough(encoding.width))


def build_encoder(model_cfg: Mapping[str, Any], seed: int) -> LocationEncoder:
    """Build a location encoder with random initial weights.

    Parameters
    ----------
    model_cfg : mapping
        With the leaves `encoding` and `network`; the network's `inputs` is the encoding's width.
    seed : int
        Seed of the network's weights. The same seed gives the same weights; torch's global random state is not
        changed.

    Raises
    ------
    ValueError
        If a leaf is missing or cannot be built.
    """
    for key in ("encoding", "network"):
        if key not in model_cfg:
            raise ValueError(f"model: the leaf {key} is missing")
    encoding = build(model_cfg["encoding"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(model_cfg["network"], inputs=encoding.width)
    return LocationEncoder(encoding, network)
