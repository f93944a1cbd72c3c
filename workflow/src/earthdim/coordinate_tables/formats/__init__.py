"""The formats of tables of places: what each calls a column, and how it is read without running anything in it."""

from pathlib import Path

from earthdim.coordinate_tables.formats.base import File, TableError
from earthdim.coordinate_tables.formats.csv import Csv
from earthdim.coordinate_tables.formats.npz import Npz
from earthdim.coordinate_tables.formats.parquet import Parquet
from earthdim.coordinate_tables.formats.zarr import Zarr

FORMATS = {".csv": Csv, ".parquet": Parquet, ".geoparquet": Parquet, ".npz": Npz, ".zarr": Zarr}


def open_file(path: Path) -> File:
    """Open a file by its suffix.

    Raises
    ------
    TableError
        If it is missing, of no known format, or not what its suffix says.
    """
    if not path.exists():
        raise TableError(f"{path}: there is no such file")
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise TableError(f"{path}: is none of {', '.join(FORMATS)}")
    if path.is_dir() != (kind is Zarr):
        raise TableError(f"{path}: is {'a folder' if path.is_dir() else 'a file'}, and {path.suffix} is not")
    return kind(path)
