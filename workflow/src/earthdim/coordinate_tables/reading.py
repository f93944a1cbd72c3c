"""Places and vectors out of a file, and every reason to doubt them.

Errors name the file and its column (an array, in NPZ and Zarr) and count rows from 1, the header of a CSV left out.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from earthdim import doubts
from earthdim.coordinate_tables.features import Features, aside, chosen, require
from earthdim.coordinate_tables.features import scales as scales_beside
from earthdim.coordinate_tables.formats import open_file
from earthdim.coordinate_tables.formats.base import LISTED, File, TableError, refuse
from earthdim.coordinate_tables.quantised import (
    ALPHAEARTH,
    MASKED,
    TESSERA,
    NoData,
    dequantised,
    no_data_values,
    rows_without,
)

# What coordinates are called where nobody says.
LONGITUDE, LATITUDE = "lon", "lat"


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
        ``.csv``, ``.parquet`` or ``.geoparquet``, ``.npz``, or the folder of a Zarr group of version 2 or 3 (of
        xarray, of earthdim's own embeddings, or plain arrays).
    longitude, latitude : str, optional
        Columns of degrees; longitudes from -180 to 180 or from 0 to 360. Without them, the geometry of a GeoParquet
        file; in every other file ``lon`` and ``lat``.
    features : str or sequence of str, optional
        A column (of numbers, or of lists of one length), a pattern such as ``emb_*``, or several columns, whose order
        is kept. Without it, the one column of lists or array of two axes, or the one series of numbered columns
        (``emb_0`` to ``emb_63``); an index of pandas is never a feature.
    no_data : float, the word ``nan``, or a list of them, optional
        Rows that hold one of these in any feature are left out. Without it a value that looks like no data is an
        error; with an empty list no value is doubted.
    dequantise : {"alphaearth", "tessera", "none"}, optional
        What whole numbers stand for, see `earthdim.coordinate_tables.quantised.dequantised`. AlphaEarth's -128 is no
        data.
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
        If rows are left out, places or columns look odd (`earthdim.doubts`), or columns of numbers stand beside
        features that nobody named.
    """
    path = Path(path)
    file = open_file(path)
    lonlat, taken = coordinates(file, longitude, latitude)
    others = [name for name in file.names if name not in taken]
    names = chosen(file, others, features)
    check_scales(file, names, len(lonlat), dequantise, scales)
    columns = file.read(names if scales is None else [*names, scales])
    for name in columns:
        columns[name] = _numeric(path, name, columns[name], len(lonlat))
        if columns[name].ndim > 2 or 0 in columns[name].shape:
            raise TableError(f"{path}: {name!r} has the shape {columns[name].shape}, not (n,) or (n, d)")
    kept = _rows_with_data(path, list(columns.values()), no_data, dequantise)
    if not kept.all():
        lonlat, columns = lonlat[kept], {name: column[kept] for name, column in columns.items()}
    labels = [label for name in names for label in _labels(name, columns[name])]
    values = np.column_stack([_floating(columns[name]) for name in names])
    _check_finite(path, labels, values, kept)
    if no_data is None:
        _refuse_fills(path, values, labels, {columns[name].dtype for name in names})
    values = dequantised(path, values, dequantise, None if scales is None else columns[scales].reshape(-1))
    _check_one_vector_a_place(path, lonlat, values)
    _tell(file, lonlat, values, labels, features, others, names)
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
    found = scales_beside(file, names, rows) if dequantise is None else []
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
    doubts.tell_odd_places(lonlat, str(path))
    return lonlat


def place_keys(lonlat: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Coordinates (n, 2) as one sortable number each: equal where longitude and latitude are."""
    return np.ascontiguousarray(lonlat, dtype=np.float64).view(np.complex128)[:, 0]


def coordinates(
    file: File, longitude: str | None, latitude: str | None
) -> tuple[NDArray[np.float64], set[str]]:
    """Checked coordinates (n, 2), longitude and latitude in degrees, and the columns that they stand in.

    Raises
    ------
    TableError
        If a column is missing or not numeric, or a coordinate is missing or out of range; see `read`.
    """
    path = file.path
    if longitude is None and latitude is None and file.geometry is not None:
        lonlat, names = file.read_geometry(), (file.geometry, file.geometry)
    else:
        names = (longitude or LONGITUDE, latitude or LATITUDE)
        require(path, file.names, names)
        columns = file.read(names)
        for name in names:
            columns[name] = _numeric(path, name, columns[name], None)
            if columns[name].ndim != 1:
                raise TableError(f"{path}: {name!r} has {columns[name].ndim} axes, and coordinates have one")
        lengths = [len(columns[name]) for name in names]
        if lengths[0] != lengths[1]:
            raise TableError(
                f"{path}: {names[0]!r} has {lengths[0]} values and {names[1]!r} {lengths[1]}: a grid is no table"
            )
        lonlat = np.column_stack([columns[name].astype(np.float64) for name in names])
    if not len(lonlat):
        raise TableError(f"{path}: has no rows")
    _check_finite(path, names, lonlat)
    low, high = (-180, -90), (360, 90)
    for axis, (name, what) in enumerate(zip(names, ("longitudes", "latitudes"), strict=True)):
        outside = (lonlat[:, axis] < low[axis]) | (lonlat[:, axis] > high[axis])
        refuse(path, name, outside, f"{what} outside {low[axis]} to {high[axis]} degrees")
    east = lonlat[:, 0] > 180
    lonlat[east, 0] -= 360
    return lonlat, set(names)


def _numeric(path: Path, name: str, column: NDArray, rows: int | None) -> NDArray:
    if column.dtype.kind not in "fiu":
        kind = "Python objects or text" if column.dtype.kind in "OSUT" else column.dtype
        raise TableError(f"{path}: {name!r} is not numeric but holds {kind}")
    if column.ndim == 0 or (rows is not None and len(column) != rows):
        raise TableError(f"{path}: {name!r} has the shape {column.shape}, and there are {rows} places")
    return column


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
    without = rows_without(columns, values)
    if without.all():
        raise TableError(f"{path}: has no rows that hold data ({', '.join(map(doubts.number, values))})")
    if without.any():
        told = " or ".join(map(doubts.number, values))
        _warn(
            f"{path}: {np.count_nonzero(without)} of {len(without)} rows hold {told}, no data, and are left out"
        )
    return ~without


def _refuse_fills(path: Path, values: NDArray, labels: Sequence[str], dtypes: set[np.dtype]) -> None:
    advice = "say no_data: and the value, so that such rows are left out, or no_data: [] if it is a value like others"
    try:
        doubts.refuse_fills(values, str(path), labels, advice, dtypes.pop() if len(dtypes) == 1 else None)
    except ValueError as error:
        raise TableError(str(error)) from error


def _tell(
    file: File,
    lonlat: NDArray[np.float64],
    values: NDArray,
    labels: Sequence[str],
    features: Features,
    others: Sequence[str],
    names: Sequence[str],
) -> None:
    """Warn of what is read and may not be meant."""
    doubts.tell_odd_places(lonlat, str(file.path))
    doubts.tell_odd_columns(values, str(file.path), labels)
    beside = aside(file, others, names) if features is None and len(names) > 1 else []
    if beside:
        _warn(
            f"{file.path}: the {len(names)} numbered columns {names[0]} ... are its features; "
            f"{', '.join(beside[:LISTED])}{' and more' if len(beside) > LISTED else ''} not (features: says otherwise)"
        )


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=3)


def _labels(name: str, column: NDArray) -> list[str]:
    return [name] if column.ndim == 1 else [f"{name}_{i}" for i in range(column.shape[1])]


def _check_finite(
    path: Path, labels: Sequence[str], values: NDArray, kept: NDArray[np.bool_] | None = None
) -> None:
    wrong = ~np.isfinite(values)
    rows = wrong.any(axis=1)
    if rows.any():
        first = np.argmax(rows)
        raise TableError(
            f"{path}: {np.count_nonzero(wrong)} values are missing or not finite, "
            f"the first in {labels[np.argmax(wrong[first])]!r}, row {_row(first, kept)}"
        )


def _row(number: int, kept: NDArray[np.bool_] | None) -> int:
    """The row of the file, counted from 1, of one that is kept."""
    return int(number if kept is None else np.flatnonzero(kept)[number]) + 1


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
