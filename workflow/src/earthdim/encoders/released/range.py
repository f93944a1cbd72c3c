"""RANGE and RANGE+: SatCLIP's embedding beside image features that are retrieved from a database of places."""

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

# Points that are compared with the whole database at once: 100,000 places take 100 MB each time.
CHUNK = 256


class Database:
    """Places with the embeddings of their images.

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

    The embedding is a mean of the database's image features, and SatCLIP's embedding of unit length. The mean weights
    places by the softmax of `temperature` times the cosine between their key and SatCLIP's embedding of the point; in
    RANGE+ it is mixed with one that weights them by the softmax of `geographic_temperature` times the cosine of the
    angle on the globe.

    Parameters
    ----------
    base : LocationEncoder
        SatCLIP's.
    database : Database
        Not part of the encoder's state: it comes from its own file.
    temperature : float
        Sharpness of the choice by SatCLIP's embedding.
    beta : float
        Share of that choice, between 0 and 1; 1 is RANGE.
    geographic_temperature : float
        Sharpness of the choice by nearness.

    References
    ----------
    Dhakal, Sastry, Khanal, Ahmad, Xing, Jacobs (2025). RANGE: Retrieval augmented neural fields for multi-resolution
    geo-embeddings. CVPR. https://github.com/mvrl/RANGE.
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
        # The database has the precision of its file; whoever asks for another of the network gets it throughout.
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
        Where SatCLIP's weights are; see `earthdim.encoders.released.sources.locate`.
    sha256 : str or None
        Hexadecimal digest that their file must have; None is refused.
    database : mapping
        `source` and `sha256` of the database.
    legendre_polys : int
        L of SatCLIP.
    temperature : float
        Published: 15 for RANGE, 12 for RANGE+.
    beta : float
        1 for RANGE; published for RANGE+: 0.5.
    geographic_temperature : float
        Published: 40; without effect at beta 1.

    Returns
    -------
    LocationEncoder
        1,024 and 256 dimensions side by side, in evaluation mode. Coordinates are longitude, latitude, as published.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    CheckpointError
        If a file is not the one that its digest names, or not of this layout.

    Notes
    -----
    The database is a file of numpy arrays: ``locs`` (m, 2), longitude first, ``satclip_embeddings`` (m, 256) of
    the places' images, and ``image_embeddings`` (m, 1024) by SatMAE.

    References
    ----------
    Dhakal, Sastry, Khanal, Ahmad, Xing, Jacobs (2025). RANGE: Retrieval augmented neural fields for multi-resolution
    geo-embeddings. CVPR. https://github.com/mvrl/RANGE.
    """
    base = satclip.location_encoder(source, sha256, legendre_polys)
    path = locate(database["source"])
    verify(path, database["sha256"], "weights.database.sha256")
    places = _read(path, base.ambient_dim)
    return RetrievalEncoder(base, places, temperature, beta, geographic_temperature).eval()


def _read(path: Path, dimension: int) -> Database:
    """The database, of plain arrays only: objects, which numpy would unpickle, are refused."""
    arrays = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in ("locs", "satclip_embeddings", "image_embeddings"):
                if name not in file:
                    raise CheckpointError(f"{path}: {name} is missing")
                arrays[name] = file[name]
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, TypeError) as error:
        raise CheckpointError(f"{path} is no whole file of arrays: {error}") from None
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
