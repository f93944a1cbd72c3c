"""The location encoder: a positional encoding, a network behind it, and one sealed way to read embeddings."""

from collections.abc import Mapping
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from earthdim.build import build
from earthdim.encoders.encodings.base import Encoding
from earthdim.geo import check_lonlat


class LocationEncoder(nn.Module):
    """Longitude and latitude to an embedding.

    A subclass may override the hooks `forward` and `doubt`; `embed`, which all measurements read, is sealed.

    Parameters
    ----------
    encoding : Encoding
        Coordinates to features; nothing in it is trained.
    network : Module
        Features to embeddings, with an attribute `outputs`.
    """

    def __init__(self, encoding: Encoding, network: nn.Module) -> None:
        super().__init__()
        self.encoding = encoding
        self.network = network

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "embed" in vars(cls):
            raise TypeError(f"{cls.__name__} overrides embed, which is sealed: override forward instead")

    # A subclass that computes outside of torch says no.
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

    def doubt(self, embeddings: np.ndarray) -> None:
        """Look at all embeddings, (n, ambient_dim), before they are believed; ours and published ones need none."""

    @final
    def embed(self, lonlat: np.ndarray, batch: int = 4096) -> np.ndarray:
        """Embed coordinates in evaluation mode, without gradients.

        Parameters
        ----------
        lonlat : ndarray of shape (n, 2)
            Longitude and latitude in degrees.
        batch : int
            How many points are in memory at once.

        Returns
        -------
        ndarray of shape (n, ambient_dim), float32

        Raises
        ------
        ValueError
            If the coordinates are not longitudes and latitudes, `batch` is not positive, the hook gives another
            shape, or `doubt` refuses what came.
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
                        raise ValueError(f"forward gave {tuple(embedded.shape)} for {len(part)} points")
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
        self.doubt(embeddings)
        return embeddings


def build_encoder(model_cfg: Mapping[str, Any], seed: int) -> LocationEncoder:
    """Build a location encoder with fresh weights.

    Parameters
    ----------
    model_cfg : mapping
        With the leaves `encoding` and `network`; the network's `inputs` is the encoding's width.
    seed : int
        Seed of the network's weights. The same seed gives the same weights, and the global random state of
        torch stays as it was.

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
