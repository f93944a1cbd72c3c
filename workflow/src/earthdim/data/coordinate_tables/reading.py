"""Places and vectors out of a file, and every reason to doubt them.

Errors name the file and its column (an array, in NPZ and Zarr) and count rows from 1, the header of a CSV left out.
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
    path: str | Path,
    longitude: str | None = None,
    latitude: str | None = None,
    features: Features = None,
    no_data: NoData = None,
    dequantise: str | None = None,
    scales: str | None = None,
) -> Table:
    """Read places and their vectors.

    Parameters
    ----------
    path : path
        A text table (compressed or not), a Parquet, GeoParquet, Arrow or NPZ file, a folder of Parquet parts, or a Zarr
        group of version 2 or 3 (of xarray, of earthdim's own embeddings, or plain arrays; a folder or zipped). The
        first bytes tell which.
    longitude, latitude : str, optional
        Columns of degrees; longitudes from -180 to 180 or from 0 to 360. See
        `earthdim.data.coordinate_tables.places` for what they may name, and for what is found without them.
    features : str or sequence of str, optional
        A column (of numbers, or of lists of one length), a pattern such as ``emb_*``, or several columns, whose order
        is kept. Without it, the one column of lists or array of two axes, or the one series of numbered columns
        (``emb_0`` to ``emb_63``); an index of pandas is never a feature.
    no_data : float, the word ``nan``, or a list of them, optional
        Rows that hold one of these in any feature are left out. Without it a value that looks like no data is an
        error; with an empty list no value is doubted.
    dequantise : {"alphaearth", "tessera", "none"}, optional
        What whole numbers stand for, see `earthdim.data.coordinate_tables.quantised.dequantise_values`.
        AlphaEarth's -128 is no data.
    scales : str, optional
        For ``tessera``: the column of a scale for each row.

    Returns
    -------
    Table
        The rows, in the order of the file. They may repeat a place if they repeat its vector.

    Raises
    ------
    TableError
        If the file cannot be read or has no rows; a column is missing, not numeric or ragged, or holds values that are
        missing or not finite, or look like no data; it is not clear which columns are features; a coordinate is out of
        range; or two rows give one place different vectors.

    Warns
    -----
    UserWarning
        If rows are left out, places or columns look odd (`earthdim.data.plausibility`), or columns of numbers stand
        beside features that nobody named.
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
    """Raise TableError if scales stand beside quantised values and nobody says what becomes of them."""
    if scales is not None:
        require(file.path, file.names, [scales])
        if dequantise != TESSERA:
            raise TableError(f"{file.path}: scales: {scales!r} is read for dequantise: tessera alone")
        return
    if dequantise == TESSERA:
        raise TableError(f"{file.path}: dequantise: tessera needs scales: the column of a scale for each row")
    found = scale_columns(file, names, rows) if dequantise is None else []
    if found:
        raise TableError(
            f"{file.path}: {found[0]!r} looks like the scales of quantised features; say dequantise: tessera and "
            f"scales: {found[0]}, or dequantise: none to take the whole numbers as they are"
        )


def points(
    path: str | Path, longitude: str | None = None, latitude: str | None = None
) -> NDArray[np.float64]:
    """Read places alone: (n, 2), longitude and latitude in degrees, in the order of the file; see `read`."""
    lonlat = coordinates(open_file(Path(path)), longitude, latitude)[0]
    plausibility.warn_implausible_places(lonlat, str(path))
    return lonlat


def place_keys(lonlat: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Coordinates (n, 2) as one sortable number each: equal where longitude and latitude are."""
    return np.ascontiguousarray(lonlat, dtype=np.float64).view(np.complex128)[:, 0]


def _floating(column: NDArray) -> NDArray:
    """The column in float32 if that holds its values exactly, else in float64."""
    exact = np.result_type(column.dtype, np.float16)
    return column.astype(np.float32 if exact.itemsize <= 4 else np.float64)


def _rows_with_data(
    path: Path, columns: Sequence[NDArray], no_data: NoData, dequantise: str | None
) -> NDArray[np.bool_]:
    """Which rows hold a vector; what is left out is told."""
    try:
        values = no_data_values(no_data) + ([MASKED] if dequantise == ALPHAEARTH else [])
    except ValueError as error:
        raise TableError(f"{path}: {error}") from error
    without = rows_without_data(columns, values)
    if without.all():
        raise TableError(
            f"{path}: has no rows that hold data ({', '.join(map(plausibility.number, values))})"
        )
    if without.any():
        told = " or ".join(map(plausibility.number, values))
        _warn(
            f"{path}: {np.count_nonzero(without)} of {len(without)} rows hold {told}, no data, and are left out"
        )
    return ~without


def _check_fill_values(path: Path, values: NDArray, labels: Sequence[str], dtypes: set[np.dtype]) -> None:
    advice = "say no_data: and the value, so that such rows are left out, or no_data: [] if it is a value like others"
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
    """Warn of what is read and may not be meant."""
    plausibility.warn_implausible_places(lonlat, str(file.path))
    plausibility.warn_suspicious_columns(values, str(file.path), labels)
    beside = unused_numeric(file, others, names) if features is None and len(names) > 1 else []
    if beside:
        _warn(
            f"{file.path}: the {len(names)} numbered columns {names[0]} ... are its features; "
            f"{', '.join(beside[:LISTED])}{' and more' if len(beside) > LISTED else ''} not (features: says otherwise)"
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
            f"{path}: {places} places have rows with different vectors, for instance longitude {longitude}, "
            f"latitude {latitude} in rows {first} and {second}"
        )
