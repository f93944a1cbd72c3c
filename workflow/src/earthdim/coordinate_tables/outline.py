"""A table before any work: its header, its number of rows and its coordinates, but none of its features.

Apart from the reading itself, because it runs whenever an experiment is planned and makes no number.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from earthdim.coordinate_tables import formats, reading
from earthdim.coordinate_tables.formats import TableError, listed
from earthdim.coordinate_tables.reading import Features

# A larger CSV takes seconds to read, and planning would read it for every job: of these the header alone is looked at.
LARGEST_CSV = 100_000_000
OBJECT = "O"


def check(
    path: str | Path,
    n: int,
    longitude: str | None = None,
    latitude: str | None = None,
    features: Features = None,
    whole: bool = True,
) -> None:
    """Refuse a table that the jobs could not read, as far as that can be told without its features.

    Parameters
    ----------
    path : path
        See `earthdim.coordinate_tables.read`.
    n : int
        Rows that are asked for.
    longitude, latitude, features : optional
        Columns; see there.
    whole : bool
        Whether features are read too, or places alone.

    Raises
    ------
    TableError
        If the file is none, a column is missing or not numeric, a coordinate is out of range or missing, or there are
        fewer than `n` rows.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv" and path.is_file() and path.stat().st_size > LARGEST_CSV:
        names = _header(path)
        reading._require(path, names, [longitude or reading.LONGITUDE, latitude or reading.LATITUDE])
        return
    file = formats.open_file(path)
    lonlat, taken = reading._lonlat(file, longitude, latitude)
    if n > len(lonlat):
        raise TableError(f"{path}: has {len(lonlat)} rows, fewer than n = {n}")
    if not whole:
        return
    others = [name for name in file.names if name not in taken]
    names = file.all_features(others) if features is None else reading._select(path, others, features)
    for name in names:
        _check_type(file, name, len(lonlat))


def _header(path: Path) -> Sequence[str]:
    import pyarrow as pa
    from pyarrow import csv

    try:
        with csv.open_csv(path) as stream:
            return stream.schema.names
    except pa.ArrowInvalid as error:
        raise TableError(f"{path}: is no CSV file that can be read ({error})") from error


def _check_type(file: formats.File, name: str, rows: int) -> None:
    """A column's type and shape, as its file's own description has them."""
    if isinstance(file, formats._Csv):
        column = file._whole[name]
        # A list stands in a CSV as text; what is in it is read with the features.
        if not (column.type == "string" and str(column[0]).startswith("[")):
            file._check_type(name, column.type)
    elif isinstance(file, formats._Parquet):
        kind = file._file.schema_arrow.field(name).type
        file._check_type(name, getattr(kind, "value_type", kind))
    elif isinstance(file, formats._Npz):
        dtype, shape = _npz_header(file, name)
        if dtype.kind == OBJECT:
            raise TableError(f"{file.path}: {name!r} cannot be read without running a pickle")
        _check_array(file, name, dtype, shape, rows)
    else:
        array = file._group[name]
        _check_array(file, name, np.dtype(array.dtype), array.shape, rows)


def _check_array(file: formats.File, name: str, dtype: np.dtype, shape: tuple[int, ...], rows: int) -> None:
    if dtype.kind not in "fiu":
        raise TableError(f"{file.path}: {name!r} is not numeric but holds {dtype}; {listed(file.names)}")
    if len(shape) not in (1, 2) or shape[0] != rows:
        raise TableError(f"{file.path}: {name!r} has the shape {shape}, and there are {rows} places")


def _npz_header(file: formats._Npz, name: str) -> tuple[np.dtype, tuple[int, ...]]:
    """Type and shape of an array of a zip archive, of which only the first bytes are read."""
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    with file._file.zip.open(f"{name}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        if version not in read:
            raise TableError(
                f"{file.path}: {name!r} is written in version {version} of the format, which is not read"
            )
        shape, _, dtype = read[version](stream)
    return dtype, shape
