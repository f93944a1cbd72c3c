"""Places and vectors out of a file, and every reason to doubt them.

Errors name the file and its column (an array, in NPZ and Zarr) and count rows from 1, the header of a CSV left out.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from earthdim.coordinate_tables.formats import open_file
from earthdim.coordinate_tables.formats.base import TableError, check_finite, listed, numeric, require
from earthdim.coordinate_tables.places import coordinates

Features = str | Sequence[str] | None


class Table(NamedTuple):
    """Places and a vector at each.

    Attributes
    ----------
    lonlat : ndarray (n, 2), float64
        Longitude in [-180, 180] and latitude, degrees.
    values : ndarray (n, d), float32 or float64
        As precise as the file.
    names : tuple of str
        One a feature; those of a column of lists are numbered.
    """

    lonlat: NDArray[np.float64]
    values: NDArray
    names: tuple[str, ...]


def read(
    path: str | Path, longitude: str | None = None, latitude: str | None = None, features: Features = None
) -> Table:
    """Read places and their vectors.

    Parameters
    ----------
    path : path
        A text table (compressed or not), a Parquet, GeoParquet, Arrow or NPZ file, a folder of Parquet parts, or a Zarr
        group of version 2 or 3 (of xarray, of earthdim's own embeddings, or plain arrays; a folder or zipped). The
        first bytes tell which.
    longitude, latitude : str, optional
        Columns of degrees; longitudes from -180 to 180 or from 0 to 360. See `earthdim.coordinate_tables.places` for
        what they may name, and for what is found without them.
    features : str or sequence of str, optional
        A column (of numbers, or of lists of one length), a pattern such as ``emb_*``, or several columns, whose order
        is kept. Without it, all other columns of a CSV or Parquet file; of arrays the one with two axes.

    Returns
    -------
    Table
        All rows, in the order of the file. Rows may repeat a place if they repeat its vector.

    Raises
    ------
    TableError
        If the file cannot be read or has no rows; a column is missing, not numeric or ragged, or holds values that are
        missing or not finite; a coordinate is out of range; or two rows give one place different vectors.
    """
    path = Path(path)
    file = open_file(path)
    lonlat, taken = coordinates(file, longitude, latitude)
    others = [name for name in file.names if name not in taken]
    names = file.all_features(others) if features is None else select(path, others, features)
    columns = file.read(names)
    for name in names:
        columns[name] = numeric(path, name, columns[name], len(lonlat))
        if columns[name].ndim > 2 or 0 in columns[name].shape:
            raise TableError(f"{path}: {name!r} has the shape {columns[name].shape}, not (n,) or (n, d)")
    if features is None:
        _check_alike(path, columns)
    labels = [label for name in names for label in _labels(name, columns[name])]
    values = np.column_stack([_floating(columns[name]) for name in names])
    check_finite(path, labels, values)
    _check_one_vector_a_place(path, lonlat, values)
    return Table(lonlat, values, tuple(labels))


def points(
    path: str | Path, longitude: str | None = None, latitude: str | None = None
) -> NDArray[np.float64]:
    """Read places alone: (n, 2), longitude and latitude in degrees, in the order of the file; see `read`."""
    return coordinates(open_file(Path(path)), longitude, latitude)[0]


def place_keys(lonlat: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Coordinates (n, 2) as one sortable number each: equal where longitude and latitude are."""
    return np.ascontiguousarray(lonlat, dtype=np.float64).view(np.complex128)[:, 0]


def select(path: Path, names: Sequence[str], features: str | Sequence[str]) -> list[str]:
    """The columns among `names` that `features` names.

    Raises
    ------
    TableError
        If it names none, one twice, or one that is not there.
    """
    if isinstance(features, str):
        if features not in names and any(mark in features for mark in "*?["):
            found = [name for name in names if fnmatchcase(name, features)]
            if not found:
                raise TableError(
                    f"{path}: no column but those of the place is like {features!r}; {listed(names)}"
                )
            return found
        features = [features]
    if not features:
        raise TableError(f"{path}: features names no column")
    require(path, names, features)
    repeated = next((name for name in features if list(features).count(name) > 1), None)
    if repeated is not None:
        raise TableError(f"{path}: features names {repeated!r} twice")
    return list(features)


def _floating(column: NDArray) -> NDArray:
    """The column in float32 if that holds its values exactly, else in float64."""
    exact = np.result_type(column.dtype, np.float16)
    return column.astype(np.float32 if exact.itemsize <= 4 else np.float64)


def _check_alike(path: Path, columns: Mapping[str, NDArray]) -> None:
    """An identifier or a class number among floating-point features is no feature."""
    whole = [name for name, column in columns.items() if column.dtype.kind != "f"]
    if whole and len(whole) < len(columns):
        raise TableError(
            f"{path}: {whole[0]!r} holds whole numbers and other columns do not: "
            "say which columns are features, for instance by a pattern"
        )


def _labels(name: str, column: NDArray) -> list[str]:
    return [name] if column.ndim == 1 else [f"{name}_{i}" for i in range(column.shape[1])]


def _check_one_vector_a_place(path: Path, lonlat: NDArray[np.float64], values: NDArray) -> None:
    keys = place_keys(lonlat)
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    different = same[(values[order[same]] != values[order[same + 1]]).any(axis=1)]
    if len(different):
        places = len(np.unique(keys[order[different]]))
        first, second = order[different[0]] + 1, order[different[0] + 1] + 1
        longitude, latitude = lonlat[first - 1]
        raise TableError(
            f"{path}: {places} places have rows with different vectors, for instance longitude {longitude}, "
            f"latitude {latitude} in rows {first} and {second}"
        )
