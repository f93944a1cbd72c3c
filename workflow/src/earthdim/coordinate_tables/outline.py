"""A table before any work: its header, its number of rows and its coordinates, but none of its features.

Apart from the reading itself, because it runs whenever an experiment is planned and makes no number.
"""

from pathlib import Path

from earthdim.coordinate_tables import formats, places, reading
from earthdim.coordinate_tables.formats.base import TableError, listed
from earthdim.coordinate_tables.reading import Features

# A larger CSV takes seconds to read, and planning would read it for every job: of these the header alone is looked at.
LARGEST_CSV = 100_000_000


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
    if formats.kind_of(path) == formats.kinds.TEXT and path.stat().st_size > LARGEST_CSV:
        places.locate(path, formats.csv.header(path), longitude, latitude)
        return
    file = formats.open_file(path)
    lonlat, taken = places.coordinates(file, longitude, latitude)
    if n > len(lonlat):
        raise TableError(f"{path}: has {len(lonlat)} rows, fewer than n = {n}")
    if not whole:
        return
    others = [name for name in file.names if name not in taken]
    names = file.all_features(others) if features is None else reading.select(path, others, features)
    for name in names:
        _check_type(file, name, len(lonlat))


def _check_type(file: formats.File, name: str, rows: int) -> None:
    """A column's type and shape, as its file's own description has them."""
    file.check_axes(name)
    dtype, shape = file.describe(name)
    if dtype.kind not in "fiu":
        raise TableError(f"{file.path}: {name!r} is not numeric but holds {dtype}; {listed(file.names)}")
    if len(shape) not in (1, 2) or shape[0] != rows:
        raise TableError(f"{file.path}: {name!r} has the shape {shape}, and there are {rows} places")
