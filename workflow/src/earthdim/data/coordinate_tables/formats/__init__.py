"""The formats of tables of places: what each calls a column, and how it is read without running anything in it."""

from pathlib import Path

from earthdim.data.coordinate_tables.formats import kinds
from earthdim.data.coordinate_tables.formats.base import File, TableError
from earthdim.data.coordinate_tables.formats.csv import Csv
from earthdim.data.coordinate_tables.formats.kinds import kind_of
from earthdim.data.coordinate_tables.formats.npz import Npz
from earthdim.data.coordinate_tables.formats.parquet import Parquet
from earthdim.data.coordinate_tables.formats.zarr import Zarr

FORMATS = {
    kinds.TEXT: Csv,
    kinds.PARQUET: Parquet,
    kinds.FOLDER: Parquet,
    kinds.ARROW: Parquet,
    kinds.NPZ: Npz,
    kinds.ZARR: Zarr,
    kinds.ZARR_ZIP: Zarr,
}

__all__ = ["FORMATS", "File", "TableError", "kind_of", "open_file"]


def open_file(path: Path) -> File:
    """Open a file as what its first bytes say, whatever its suffix.

    Raises
    ------
    TableError
        If it is missing, of no known format, or damaged.
    """
    return FORMATS[kind_of(path)](path)
