"""Check a table while an experiment is planned: its header, number of rows and coordinates, but not its features.

Separate from reading, because it runs on every invocation and does not affect results.
"""

import warnings
from pathlib import Path
from typing import Any

from earthdim.data.coordinate_tables import formats, places, reading
from earthdim.data.coordinate_tables.features import Features, feature_columns, select
from earthdim.data.coordinate_tables.formats.base import TableError, listed
from earthdim.data.coordinate_tables.quantised import ALPHAEARTH, NoData
from earthdim.data.coordinate_tables.reading import check_scales

# Bytes. Larger CSV files take seconds to read, and planning would read them for every job: only the header is checked.
LARGEST_CSV = 100_000_000


def check(
    path: str | Path,
    n: int,
    longitude: str | None = None,
    latitude: str | None = None,
    features: Features = None,
    whole: bool = True,
    no_data: NoData = None,
    dequantise: str | None = None,
    scales: str | None = None,
) -> None:
    """Raise TableError if the jobs could not read a table, as far as can be determined without its features.

    Parameters
    ----------
    path : path
        See `earthdim.data.coordinate_tables.read`.
    n : int
        Number of rows required.
    longitude, latitude, features : optional
        Columns; see there.
    whole : bool
        Whether features are checked too, or only places.
    no_data, dequantise, scales : optional
        See there. Rows without data are counted only if the file is no larger than `LARGEST_CSV` bytes.

    Raises
    ------
    TableError
        If the file is not a table, a column is missing or not numeric, a coordinate is out of range or missing, or
        there are fewer than `n` rows.
    """
    path = Path(path)
    if formats.kind_of(path) == formats.kinds.TEXT and path.stat().st_size > LARGEST_CSV:
        names = formats.csv.header(path)
        taken = {part.name for part in places.locate(path, names, longitude, latitude)}
        if features is not None and whole:
            select(path, [name for name in names if name not in taken], features)
        return
    file = formats.open_file(path)
    lonlat, taken = places.coordinates(file, longitude, latitude)
    if n > len(lonlat):
        raise TableError(f"{path}: has {len(lonlat)} rows, fewer than n = {n}")
    if not whole:
        return
    others = [name for name in file.names if name not in taken]
    names = feature_columns(file, others, features)
    check_scales(file, names, len(lonlat), dequantise, scales)
    for name in [*names, *([] if scales is None else [scales])]:
        _check_type(file, name, len(lonlat))
    if (no_data not in (None, [], ()) or dequantise == ALPHAEARTH) and _size(path) <= LARGEST_CSV:
        _count_rows(path, n, longitude, latitude, features, no_data, dequantise, scales)


def _size(path: Path) -> int:
    """Size in bytes of a file, or of all files of a folder."""
    return sum(file.stat().st_size for file in path.rglob("*")) if path.is_dir() else path.stat().st_size


def _count_rows(path: Path, n: int, *arguments: Any) -> None:
    """Raise TableError if fewer than `n` rows hold data, which requires reading the features."""
    with warnings.catch_warnings():
        # The jobs repeat these warnings.
        warnings.simplefilter("ignore", UserWarning)
        rows = len(reading.read(path, *arguments).lonlat)
    if n > rows:
        raise TableError(f"{path}: has {rows} rows with data, fewer than n = {n}")


def _check_type(file: formats.File, name: str, rows: int) -> None:
    """Check a column's type and shape, from the file's metadata."""
    file.check_axes(name)
    dtype, shape = file.describe(name)
    if dtype.kind not in "fiu":
        raise TableError(f"{file.path}: {name!r} is not numeric but holds {dtype}; {listed(file.names)}")
    if len(shape) not in (1, 2) or shape[0] != rows:
        raise TableError(f"{file.path}: {name!r} has the shape {shape}, but there are {rows} places")
