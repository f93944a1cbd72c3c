"""Formats of tables of places, one class per format; `base.File` states their contract."""

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
    """Open a file by the format of its first bytes; the suffix is ignored.

    Raises
    ------
    TableError
        If it is missing, damaged, or of an unknown format.
    """
    return FORMATS[kind_of(path)](path)
