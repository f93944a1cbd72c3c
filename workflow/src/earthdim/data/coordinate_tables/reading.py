"""Read places and their feature vectors from a file, and check them.

Errors name the file and its column (array, for NPZ and Zarr) and count rows from 1, without the header of a CSV.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from earthdim.data import plausibility
from earthdim.data.coordinate_tables.features import Features, feature_columns, unused_numeric
from earthdim.data.coordinate_tables.features import scales as scale_columns
from earthdim.data.coordinate_tables.formats import open_file
from earthdim.data.coordinate_tables.formats.base import (
    LISTED,
    File,
    TableError,
    check_finite,
    numeric,
    require,
)
from earthdim.data.coordinate_tables.places import coordinates
from earthdim.data.coordinate_tables.quantised import (
    ALPHAEARTH,
    MASKED,
    TESSERA,
    NoData,
    dequantise_values,
    no_data_values,
    rows_without_data,
)


class Table(NamedTuple):
    """Places and their feature vectors.

    Attributes
    ----------
    lonlat : ndarray (n, 2), float64
        Longitude in [-180, 180] and latitude, degrees.
    values : ndarray (n, d), float32 or float64
        In the precision of the file.
    names : tuple of str
        One per feature; elements of a column of lists are numbered.
    """

    lonlat: NDArray[np.float64]
    values: NDArray
    names: tuple[str, ...]


def read(
    path: str | Path,
    longitude: str | None = None,
    latitude: str | None = None,
    features: Features = None,
    no_data: NoData = None,
    dequantise: str | None = None,
    scales: str | None = None,
) -> Table:
    """Read places and their feature vectors.

    Parameters
    ----------
    path : path
        A text table (compressed or not), a Parquet, GeoParquet, Arrow or NPZ file, a folder of Parquet parts, or a Zarr
        group of format 2 or 3 (written by xarray or earthdim, or plain arrays; a folder or zipped). The format is
        recognised by the first bytes.
    longitude, latitude : str, optional
        Columns of degrees; longitudes from -180 to 180 or from 0 to 360. `earthdim.data.coordinate_tables.places`
        states what they may name and how coordinates are found without them.
    features : str or sequence of str, optional
        A column (of numbers, or of lists of equal length), a pattern such as ``emb_*``, or several columns, whose order
        is kept. By default the only column of lists or array of two axes, or the only series of numbered columns
        (``emb_0`` to ``emb_63``); an index of pandas is never a feature.
    no_data : float, the word ``nan``, or a list of them, optional
        Rows that hold one of these values in any feature are dropped. By default a suspected fill value is an error;
        with an empty list the values are not checked.
    dequantise : {"alphaearth", "tessera", "none"}, optional
        Dequantisation of integers; see `earthdim.data.coordinate_tables.quantised.dequantise_values`. For
        ``alphaearth``, -128 marks missing data.
    scales : str, optional
        For ``tessera``: the column with the scale of each row.

    Returns
    -------
    Table
        Rows in the order of the file. A place may be repeated only with an equal vector.

    Raises
    ------
    TableError
        If the file cannot be read or has no rows; a column is missing, not numeric or ragged, or holds missing,
        non-finite or suspected fill values; the feature columns are ambiguous; a coordinate is out of range; or one
        place has different vectors.

    Warns
    -----
    UserWarning
        If rows are dropped, places or columns are suspicious (`earthdim.data.plausibility`), or numeric columns are
        ignored because the features were inferred.
    """
    path = Path(path)
    file = open_file(path)
    lonlat, taken = coordinates(file, longitude, latitude)
    others = [name for name in file.names if name not in taken]
    names = feature_columns(file, others, features)
    check_scales(file, names, len(lonlat), dequantise, scales)
    columns = file.read(names if scales is None else [*names, scales])
    for name in columns:
        columns[name] = numeric(path, name, columns[name], len(lonlat))
        if columns[name].ndim > 2 or 0 in columns[name].shape:
            raise TableError(f"{path}: {name!r} has the shape {columns[name].shape}, not (n,) or (n, d)")
    kept = _rows_with_data(path, list(columns.values()), no_data, dequantise)
    if not kept.all():
        lonlat, columns = lonlat[kept], {name: column[kept] for name, column in columns.items()}
    labels = [label for name in names for label in _labels(name, columns[name])]
    values = np.column_stack([_floating(columns[name]) for name in names])
    check_finite(path, labels, values, kept)
    if no_data is None:
        _check_fill_values(path, values, labels, {columns[name].dtype for name in names})
    values = dequantise_values(
        path, values, dequantise, None if scales is None else columns[scales].reshape(-1)
    )
    _check_one_vector_a_place(path, lonlat, values)
    _warn_about_columns(file, lonlat, values, labels, features, others, names)
    return Table(lonlat, values, tuple(labels))


def check_scales(
    file: File, names: Sequence[str], rows: int, dequantise: str | None, scales: str | None
) -> None:
    """Raise TableError if `scales` and `dequantise` contradict, or the file has scales and neither is given."""
    if scales is not None:
        require(file.path, file.names, [scales])
        if dequantise != TESSERA:
            raise TableError(f"{file.path}: scales: {scales!r} is used only with dequantise: tessera")
        return
    if dequantise == TESSERA:
        raise TableError(
            f"{file.path}: dequantise: tessera needs scales: the column with the scale of each row"
        )
    found = scale_columns(file, names, rows) if dequantise is None else []
    if found:
        raise TableError(
            f"{file.path}: {found[0]!r} seems to hold the scales of quantised features; set dequantise: tessera and "
            f"scales: {found[0]}, or dequantise: none to keep the integers"
        )


def points(
    path: str | Path, longitude: str | None = None, latitude: str | None = None
) -> NDArray[np.float64]:
    """Read only the places: (n, 2), longitude and latitude in degrees, in the order of the file; see `read`."""
    lonlat = coordinates(open_file(Path(path)), longitude, latitude)[0]
    plausibility.warn_implausible_places(lonlat, str(path))
    return lonlat


def place_keys(lonlat: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Encode coordinates (n, 2) as one sortable number each, equal if longitude and latitude are."""
    return np.ascontiguousarray(lonlat, dtype=np.float64).view(np.complex128)[:, 0]


def _floating(column: NDArray) -> NDArray:
    """Convert a column to float32 if that represents its type exactly, else to float64."""
    exact = np.result_type(column.dtype, np.float16)
    return column.astype(np.float32 if exact.itemsize <= 4 else np.float64)


def _rows_with_data(
    path: Path, columns: Sequence[NDArray], no_data: NoData, dequantise: str | None
) -> NDArray[np.bool_]:
    """Rows that hold data; warns if rows are dropped."""
    try:
        values = no_data_values(no_data) + ([MASKED] if dequantise == ALPHAEARTH else [])
    except ValueError as error:
        raise TableError(f"{path}: {error}") from error
    without = rows_without_data(columns, values)
    if without.all():
        raise TableError(
            f"{path}: has no rows with data (no_data: {', '.join(map(plausibility.number, values))})"
        )
    if without.any():
        listed = " or ".join(map(plausibility.number, values))
        _warn(
            f"{path}: {np.count_nonzero(without)} of {len(without)} rows hold {listed} (no data) and are dropped"
        )
    return ~without


def _check_fill_values(path: Path, values: NDArray, labels: Sequence[str], dtypes: set[np.dtype]) -> None:
    advice = "set no_data: to the value to drop such rows, or no_data: [] if it is an ordinary value"
    try:
        plausibility.check_fill_values(
            values, str(path), labels, advice, dtypes.pop() if len(dtypes) == 1 else None
        )
    except ValueError as error:
        raise TableError(str(error)) from error


def _warn_about_columns(
    file: File,
    lonlat: NDArray[np.float64],
    values: NDArray,
    labels: Sequence[str],
    features: Features,
    others: Sequence[str],
    names: Sequence[str],
) -> None:
    """Warn of suspicious places and columns, and of numeric columns that are not features."""
    plausibility.warn_implausible_places(lonlat, str(file.path))
    plausibility.warn_suspicious_columns(values, str(file.path), labels)
    unused = unused_numeric(file, others, names) if features is None and len(names) > 1 else []
    if unused:
        _warn(
            f"{file.path}: features are the {len(names)} numbered columns {names[0]} ...; ignored: "
            f"{', '.join(unused[:LISTED])}{' and more' if len(unused) > LISTED else ''} (to change this, set features)"
        )


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=3)


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
            f"{path}: {places} places have rows with different vectors, for example longitude {longitude}, "
            f"latitude {latitude} in rows {first} and {second}"
        )
