"""RANGE and RANGE+: image features retrieved from a database of places, concatenated with SatCLIP's embedding."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from earthdim.encoders.encodings.coordinates import unit_vectors
from earthdim.encoders.location import LocationEncoder
from earthdim.encoders.released import satclip
from earthdim.encoders.released.sources import CheckpointError, locate, verify

# Points compared with the whole database at once: with 100,000 places a chunk takes 100 MB.
CHUNK = 256


class Database:
    """Places and the embeddings of their images.

    Parameters
    ----------
    lonlat : Tensor of shape (m, 2)
        Longitude and latitude in degrees.
    keys : Tensor of shape (m, d)
        Embeddings of the places' images in SatCLIP's space.
    values : Tensor of shape (m, v)
        Image features.
    """

    def __init__(self, lonlat: Tensor, keys: Tensor, values: Tensor) -> None:
        self.directions = unit_vectors(lonlat).float()
        self.keys = torch.nn.functional.normalize(keys.float(), dim=1)
        self.values = values.float()


class RetrievalEncoder(LocationEncoder):
    """RANGE's location encoder.

    The embedding is a weighted mean of the database's image features, followed by SatCLIP's embedding normalised to
    unit length. The weights are the softmax of `temperature` times the cosine between a place's key and SatCLIP's
    embedding of the point. RANGE+ mixes them with the softmax of `geographic_temperature` times the cosine of the
    central angle between place and point.

    Parameters
    ----------
    base : LocationEncoder
        SatCLIP's location encoder.
    database : Database
        Not part of the encoder's state: it is read from a separate file.
    temperature : float
        Inverse temperature of the weights by SatCLIP's embedding.
    beta : float
        Share of these weights, between 0 and 1; 1 is RANGE.
    geographic_temperature : float
        Inverse temperature of the weights by distance.

    References
    ----------
    Dhakal et al. (2025); see `location_encoder`.
    """

    def __init__(
        self,
        base: LocationEncoder,
        database: Database,
        temperature: float,
        beta: float,
        geographic_temperature: float,
    ) -> None:
        super().__init__(base.encoding, base.network)
        if not 0 <= beta <= 1:
            raise ValueError(f"beta must lie in [0, 1], got {beta!r}")
        for name, value in (("temperature", temperature), ("geographic_temperature", geographic_temperature)):
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value!r}")
        self.database = database
        self.temperature, self.beta, self.geographic_temperature = temperature, beta, geographic_temperature

    @property
    def ambient_dim(self) -> int:
        """Dimension of the embeddings."""
        return self.database.values.shape[1] + self.network.outputs

    def forward(self, lonlat: Tensor) -> Tensor:
        """Map longitude and latitude in degrees, (n, 2) float64, to embeddings (n, ambient_dim)."""
        return torch.cat([self._retrieve(part) for part in lonlat.split(CHUNK)])

    def _retrieve(self, lonlat: Tensor) -> Tensor:
        embedding = torch.nn.functional.normalize(super().forward(lonlat), dim=1)
        # Convert the database if the network was converted to another precision.
        keys, values, directions = (
            part.to(embedding.dtype)
            for part in (self.database.keys, self.database.values, self.database.directions)
        )
        alike = torch.softmax(self.temperature * embedding @ keys.T, dim=1)
        if self.beta < 1:
            cosine = unit_vectors(lonlat).to(embedding.dtype) @ directions.T
            near = torch.softmax(self.geographic_temperature * cosine, dim=1)
            alike = self.beta * alike + (1 - self.beta) * near
        return torch.cat((alike @ values, embedding), dim=1)


def location_encoder(
    source: Mapping[str, str],
    sha256: str | None,
    database: Mapping[str, Any],
    legendre_polys: int = 40,
    temperature: float = 15.0,
    beta: float = 1.0,
    geographic_temperature: float = 40.0,
) -> LocationEncoder:
    """Read SatCLIP's location encoder and RANGE's database.

    Parameters
    ----------
    source : mapping
        Location of SatCLIP's weights; see `earthdim.encoders.released`.
    sha256 : str or None
        Digest of SatCLIP's weights.
    database : mapping
        `source` and `sha256` of the database.
    legendre_polys : int
        L of SatCLIP.
    temperature : float
        Published: 15 for RANGE, 12 for RANGE+.
    beta : float
        1 for RANGE; published for RANGE+: 0.5.
    geographic_temperature : float
        Published: 40; no effect at beta 1.

    Returns
    -------
    LocationEncoder
        1,024 + 256 dimensions. It takes longitude first, as published.

    Notes
    -----
    The database is an NPZ file: ``locs`` (m, 2), longitude first, ``satclip_embeddings`` (m, 256) of the places'
    images, and ``image_embeddings`` (m, 1024) by SatMAE.

    References
    ----------
    Dhakal, Sastry, Khanal, Ahmad, Xing, Jacobs (2025). RANGE: Retrieval augmented neural fields for multi-resolution
    geo-embeddings. CVPR. https://github.com/mvrl/RANGE.
    """
    base = satclip.location_encoder(source, sha256, legendre_polys)
    path = locate(database["source"])
    verify(path, database["sha256"], "weights.build.database.sha256")
    places = _read(path, base.ambient_dim)
    return RetrievalEncoder(base, places, temperature, beta, geographic_temperature).eval()


def _read(path: Path, dimension: int) -> Database:
    """Read the database; object arrays, which NumPy would unpickle, are rejected."""
    arrays = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in ("locs", "satclip_embeddings", "image_embeddings"):
                if name not in file:
                    raise CheckpointError(f"{path}: {name} is missing")
                arrays[name] = file[name]
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, TypeError) as error:
        raise CheckpointError(f"{path} is not a complete NPZ file: {error}") from None
    except ValueError as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{path} does not hold plain arrays: {error}") from None
    places = len(arrays["locs"])
    for name, columns in (("locs", 2), ("satclip_embeddings", dimension), ("image_embeddings", None)):
        array = arrays[name]
        if array.ndim != 2 or array.shape[0] != places or columns not in (None, array.shape[1]) or not places:
            raise CheckpointError(f"{path}: {name} has the shape {array.shape}, not {(places, columns)}")
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise CheckpointError(f"{path}: {name} holds values that are not finite numbers")
    if np.abs(arrays["locs"][:, 0]).max() > 180 or np.abs(arrays["locs"][:, 1]).max() > 90:
        raise CheckpointError(f"{path}: locs are not longitudes and latitudes in degrees")
    return Database(
        *(torch.from_numpy(arrays[name]) for name in ("locs", "satclip_embeddings", "image_embeddings"))
    )
