"""Recognise the format of a file or folder by its first bytes, for planning and for jobs.

Suffixes are unreliable: files are compressed, renamed and exported. There are no slow imports, because this runs
whenever an experiment is planned.
"""

import bz2
import gzip
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from earthdim.data.coordinate_tables.formats.base import TableError

TEXT, PARQUET, FOLDER, ARROW, NPZ, ZARR, ZARR_ZIP = (
    "text", "parquet", "folder of parquet", "arrow", "npz", "zarr", "zipped zarr",
)  # fmt: skip
# Supported formats, for errors.
READ = (
    "CSV and other text tables (also .gz, .bz2, .zst), Parquet and GeoParquet (also folders of parts), Arrow and "
    "Feather, NPZ, and Zarr groups (also zipped)"
)
# First bytes of compressed files, and Arrow's name of the compression.
COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
UTF16 = (b"\xff\xfe", b"\xfe\xff")
# First bytes of unsupported formats, which errors name.
UNSUPPORTED = {
    b"\x89HDF\r\n\x1a\n": "HDF5 or NetCDF 4",
    b"CDF\x01": "NetCDF",
    b"CDF\x02": "NetCDF",
    b"CDF\x05": "NetCDF",
    b"\x93NUMPY": "a single array (.npy), not an NPZ file",
    b"SQLite format 3": "SQLite or GeoPackage",
    b"PARE": "an encrypted Parquet file",
    b"FEA1": "Feather of version 1; write version 2",
    b"ORC": "ORC",
    b"Obj\x01": "Avro",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"fgb\x03": "FlatGeobuf",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save it as CSV",
    b"\xfd7zXZ": "compressed by xz; use gzip or zstd",
    b"\x04\x22\x4d\x18": "compressed by lz4; use gzip or zstd",
    b"\x80\x02": "a pickle, which can run code",
    b"\x80\x03": "a pickle, which can run code",
    b"\x80\x04": "a pickle, which can run code",
    b"\x80\x05": "a pickle, which can run code",
}
UNSUPPORTED_TEXTS = {
    b"version https://git-lfs": "a Git LFS pointer; fetch the file itself (git lfs pull)",
    b"<": "HTML or XML, perhaps the page of a failed download",
    b"{": "JSON, not a table",
}
# Suffixes of binary formats: text in such a file is an error. With other suffixes it is read as a text table.
SUFFIXES = {
    ".parquet": "Parquet", ".geoparquet": "Parquet", ".pq": "Parquet", ".parq": "Parquet", ".gpq": "Parquet",
    ".npz": "NPZ", ".zarr": "Zarr", ".feather": "Arrow", ".arrow": "Arrow", ".zip": "zip",
}  # fmt: skip
_PART_SUFFIXES = tuple(suffix for suffix, claimed in SUFFIXES.items() if claimed == "Parquet")
_ZARR_MARKS = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
# Bytes read to recognise a file.
_BEGINNING = 4096


def kind_of(path: Path) -> str:
    """Return the format of a table: one of the constants above.

    Raises
    ------
    TableError
        If it is missing or not supported.
    """
    if not path.exists():
        raise TableError(f"{path}: there is no such file")
    if path.is_dir():
        return _folder(path)
    with path.open("rb") as stream:
        start = stream.read(_BEGINNING)
    if start.startswith(b"PAR1"):
        return PARQUET
    if start.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return ARROW
    if start.startswith(b"PK\x03\x04"):
        return _zip(path)
    if compression(start) is not None:
        start = _decompressed(path, start)
    unsupported = _unsupported(start)
    if unsupported is not None:
        raise TableError(f"{path}: is {unsupported}; supported formats: {READ}")
    if b"\0" in start and not start.startswith(UTF16):
        raise _unknown(path, "its first bytes are of no known format")
    if path.suffix.lower() in SUFFIXES and start:
        raise _unknown(path, "it holds text, or an unknown format")
    return TEXT


def compression(start: bytes) -> str | None:
    """Compression of a file with these first bytes, by Arrow's name; None if uncompressed."""
    return next((name for magic, name in COMPRESSED.items() if start.startswith(magic)), None)


def parts(path: Path) -> list[Path]:
    """Parquet files below a folder, in numerical order, without the hidden files of Spark, Dask and DuckDB.

    Raises
    ------
    TableError
        If a file with a Parquet suffix is not Parquet.
    """
    found = []
    for file in sorted(_visible(path), key=lambda file: _natural(str(file.relative_to(path)))):
        with file.open("rb") as stream:
            is_parquet = stream.read(4) == b"PAR1"
        if not is_parquet and file.name.lower().endswith(_PART_SUFFIXES):
            raise TableError(
                f"{path}: {file.relative_to(path)} is not a Parquet file; remove it from the folder of parts"
            )
        if is_parquet:
            found.append(file)
    return found


def is_hidden(name: str) -> bool:
    """Whether a file or folder is not a part: _SUCCESS, _metadata, .part-0.parquet.crc."""
    return name.startswith((".", "_"))


def _visible(path: Path) -> Iterator[Path]:
    for file in path.rglob("*"):
        if file.is_file() and not any(map(is_hidden, file.relative_to(path).parts)):
            yield file


def _natural(name: str) -> list:
    """Sort key that puts part.10 after part.9."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name)]


def _folder(path: Path) -> str:
    if any((path / mark).is_file() for mark in _ZARR_MARKS):
        return ZARR
    if parts(path):
        return FOLDER
    if path.suffix.lower() == ".zarr":
        raise TableError(f"{path}: is not a Zarr group (it has none of {', '.join(_ZARR_MARKS)})")
    raise TableError(f"{path}: is a folder without a Zarr group or Parquet files; supported formats: {READ}")


def _zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise TableError(f"{path}: cannot be read as {_format_of_suffix(path, 'NPZ')} ({error})") from error
    if any(Path(name).name in _ZARR_MARKS for name in names):
        return ZARR_ZIP
    if names and all(name.endswith(".npy") for name in names):
        return NPZ
    if "[Content_Types].xml" in names:
        raise TableError(f"{path}: is an Excel workbook; save the sheet as CSV")
    if any(name.endswith("data.pkl") for name in names):
        raise TableError(f"{path}: is a file of PyTorch; supported formats: {READ}")
    raise TableError(f"{path}: is a zip archive of other files; unpack it (supported formats: {READ})")


def _decompressed(path: Path, start: bytes) -> bytes:
    """First bytes after decompression; empty for zstd, which Python's standard library does not support."""
    openers = {"gzip": gzip.open, "bz2": bz2.open}
    opener = openers.get(compression(start))
    if opener is None:
        return b""
    try:
        with opener(path) as stream:
            return stream.read(_BEGINNING)
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(f"{path}: is damaged ({error})") from error


def _unsupported(start: bytes) -> str | None:
    # Binary formats contain zero bytes. Without this check a text table with a first column ORCID would match ORC.
    known = UNSUPPORTED if b"\0" in start else UNSUPPORTED_TEXTS
    bare = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((what for magic, what in known.items() if bare.startswith(magic)), None)


def _format_of_suffix(path: Path, otherwise: str) -> str:
    return SUFFIXES.get(path.suffix.lower(), otherwise)


def _unknown(path: Path, why: str) -> TableError:
    claimed = SUFFIXES.get(path.suffix.lower())
    if claimed is None:
        return TableError(f"{path}: has an unsupported format ({why}); supported formats: {READ}")
    return TableError(f"{path}: cannot be read as {claimed} ({why})")
