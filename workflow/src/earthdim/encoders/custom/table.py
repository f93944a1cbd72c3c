"""Tables of embeddings as location encoders that embed exactly the places in the table."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earthdim.data.coordinate_tables import TableError, place_keys, read
from earthdim.encoders.custom.encoder import CustomEncoder

WITNESSES = 64


class TableEncoder(CustomEncoder):
    """A table of embeddings.

    Parameters
    ----------
    file : str
        File of the table, for errors.
    lonlat : ndarray (n, 2)
        Longitude and latitude, degrees.
    values : ndarray (n, d)
        Embeddings of these places.

    Attributes
    ----------
    lonlat : ndarray (n, 2), float64
        The places, in the order of the file.
    """

    def __init__(self, file: str, lonlat: NDArray[np.float64], values: NDArray) -> None:
        rows = np.unique(np.linspace(0, len(values) - 1, WITNESSES).astype(np.int64))
        super().__init__(self._look_up, values[rows], f"weights.file: {file}")
        self.lonlat = lonlat
        self._values = values
        keys = place_keys(lonlat)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def check_embeddings(self, embeddings: NDArray) -> None:
        """Do nothing: the whole table was checked when it was read."""

    def _look_up(self, lonlat: Tensor) -> Tensor:
        keys = place_keys(lonlat.detach().numpy())
        found = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        missing = self._keys[found] != keys
        if missing.any():
            longitude, latitude = lonlat[int(np.argmax(missing))].tolist()
            raise ValueError(
                f"{self.key}: has no row for {np.count_nonzero(missing)} of {len(keys)} places, the first at longitude "
                f"{longitude}, latitude {latitude}; a table embeds only its own places, with exactly equal coordinates"
            )
        return torch.from_numpy(self._values[self._order[found]])


def embeddings(
    file: str,
    longitude: str | None = None,
    latitude: str | None = None,
    features: str | Sequence[str] | None = None,
    no_data: float | str | Sequence[float | str] | None = None,
    dequantise: str | None = None,
    scales: str | None = None,
) -> TableEncoder:
    """Read a table of embeddings, for instance of an image encoder, AlphaEarth or TESSERA.

    Parameters
    ----------
    file : str
        Relative to the working directory: text, Parquet, Arrow, NPZ or Zarr, recognised by its first bytes.
    longitude, latitude, features : optional
        Columns; see `earthdim.data.coordinate_tables.read`.
    no_data, dequantise, scales : optional
        Values that mark missing data, and the dequantisation; see there.

    Raises
    ------
    ValueError
        If the table cannot be read or fails a check; see there.
    """
    try:
        table = read(Path(file), longitude, latitude, features, no_data, dequantise, scales)
    except TableError as error:
        raise ValueError(f"weights.file: {error}") from error
    return TableEncoder(file, table.lonlat, table.values)
