"""The formats of tables of places: what each calls a column, and how it is read without running anything in it."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from earthdim import artefacts

# How many names of columns an error lists.
LISTED = 12
# Columns that are hardly features.
PLACES = frozenset({"lon", "lat", "long", "longitude", "latitude", "x", "y", "easting", "northing"})


class TableError(ValueError):
    """A file is no table of places that can be read, told in one sentence that names file and column."""


def listed(names: Sequence[str]) -> str:
    """The names that there are, for an error."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"there are {', '.join(names[:LISTED]) or 'no columns'}{more}"


def refuse(path: Path, name: str, bad: NDArray[np.bool_], what: str) -> None:
    """Raise if a row is bad: how many are, and which is the first."""
    if bad.any():
        raise TableError(
            f"{path}: {name!r} holds {what} in {np.count_nonzero(bad)} of {len(bad)} rows, "
            f"the first in row {np.argmax(bad) + 1}"
        )


def refuse_ragged(path: Path, name: str, lengths: NDArray) -> None:
    """Raise unless every row holds a list and all are of one length."""
    if not len(lengths):
        raise TableError(f"{path}: has no rows")
    refuse(path, name, lengths < 1, "no list or an empty one")
    refuse(path, name, lengths != lengths[0], f"lists that are not {lengths[0]} long, as the first is,")


class File:
    """A file of columns of one length; `geometry` names the column of points, where there is one."""

    geometry: str | None = None

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path = path
        self.names = list(names)
        repeated = next((name for name in self.names if self.names.count(name) > 1), None)
        if repeated is not None:
            raise TableError(f"{path}: has several columns {repeated!r}")

    def read(self, names: Sequence[str]) -> dict[str, NDArray]:
        """The columns of these names, (n,) or (n, d)."""
        raise NotImplementedError

    def describe(self, name: str) -> tuple[np.dtype, tuple[int | None, ...]]:
        """Type and shape of a column as the file itself tells them; None is a length that only the values tell.

        Raises
        ------
        TableError
            If the file tells already that the column cannot be read.
        """
        raise NotImplementedError

    def all_features(self, others: Sequence[str]) -> list[str]:
        """The features among the columns that are no coordinates, when nobody names them."""
        if not others:
            raise TableError(f"{self.path}: has no column beside the coordinates")
        for name in others:
            # Coordinates among the features would be measured with them.
            if name.lower() in PLACES:
                raise TableError(
                    f"{self.path}: {name!r} looks like a coordinate; say which columns are features"
                )
        return list(others)


class _Arrow(File):
    """A file of which Arrow makes a table."""

    def _table(self, names: Sequence[str]):
        raise NotImplementedError

    def read(self, names: Sequence[str]) -> dict[str, NDArray]:
        table = self._table(names)
        return {name: self._column(name, table[name]) for name in names}

    def _column(self, name: str, column) -> NDArray:
        import pyarrow.compute as pc

        kind = column.type
        if not len(column):
            return np.empty(0)
        if not _is_list(kind):
            self._check_type(name, kind)
            return column.to_numpy()
        self._check_type(name, kind.value_type)
        refuse(self.path, name, pc.is_null(column).to_numpy(), "no list")
        lengths = pc.list_value_length(column).to_numpy()
        refuse_ragged(self.path, name, lengths)
        return pc.list_flatten(column).to_numpy().reshape(len(lengths), lengths[0])

    def _described(self, name: str, kind, rows: int) -> tuple[np.dtype, tuple[int | None, ...]]:
        """What an Arrow type says of a column; of lists it does not say how long they are."""
        inner = kind.value_type if _is_list(kind) else kind
        self._check_type(name, inner)
        return np.dtype(inner.to_pandas_dtype()), (rows, None) if _is_list(kind) else (rows,)

    def _check_type(self, name: str, kind) -> None:
        import pyarrow as pa

        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            raise TableError(f"{self.path}: {name!r} is not numeric but holds {kind}")


def _is_list(kind) -> bool:
    import pyarrow as pa

    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


class _Csv(_Arrow):
    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        from pyarrow import csv

        try:
            # Arrow's reader rounds decimals correctly and refuses rows of another length, which pandas fills or shifts.
            self._whole = csv.read_csv(path, csv.ReadOptions(use_threads=False))
        except pa.ArrowInvalid as error:
            raise TableError(f"{path}: is no CSV file that can be read ({error})") from error
        super().__init__(path, self._whole.column_names)

    def describe(self, name: str) -> tuple[np.dtype, tuple[int | None, ...]]:
        column = self._whole[name]
        if self._holds_lists(column):
            # What is in them is read with the features.
            return np.dtype(np.float64), (len(column), None)
        return self._described(name, column.type, len(column))

    def _table(self, names: Sequence[str]):
        return self._whole

    def _holds_lists(self, column) -> bool:
        """Lists stand in a CSV as text."""
        import pyarrow as pa

        return len(column) > 0 and pa.types.is_string(column.type) and str(column[0]).startswith("[")

    def _column(self, name: str, column) -> NDArray:
        if not self._holds_lists(column):
            return super()._column(name, column)
        try:
            rows = [json.loads(text) for text in column.to_pylist()]
            lengths = np.array([len(row) if isinstance(row, list) else -1 for row in rows])
            refuse_ragged(self.path, name, lengths)
            return np.array(rows)
        except (json.JSONDecodeError, TypeError) as error:
            raise TableError(f"{self.path}: {name!r} holds a list that cannot be read ({error})") from error


class _Parquet(_Arrow):
    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise TableError(f"{path}: is no Parquet file that can be read ({error})") from error
        super().__init__(path, self._file.schema_arrow.names)
        geo = (self._file.schema_arrow.metadata or {}).get(b"geo")
        self._geo = None if geo is None else json.loads(geo)
        self.geometry = None if geo is None else self._geo["primary_column"]

    def all_features(self, others: Sequence[str]) -> list[str]:
        shapes = self._geo["columns"] if self._geo else ()
        # pandas keeps its index in columns of this name.
        return super().all_features(
            [name for name in others if name not in shapes and not name.startswith("__index_level_")]
        )

    def describe(self, name: str) -> tuple[np.dtype, tuple[int | None, ...]]:
        kind = self._file.schema_arrow.field(name).type
        return self._described(name, kind, self._file.metadata.num_rows)

    def _table(self, names: Sequence[str]):
        return self._file.read(columns=list(names), use_threads=False)

    def read_geometry(self) -> NDArray[np.float64]:
        """Points of the GeoParquet file's primary column: (n, 2), degrees."""
        import shapely

        about = self._geo["columns"][self.geometry]
        if about["encoding"] != "WKB":
            raise TableError(f"{self.path}: {self.geometry!r} has the encoding {about['encoding']}, not WKB")
        self._check_degrees(about)
        binary = self._file.read(columns=[self.geometry])[self.geometry].to_numpy()
        try:
            shapes = shapely.from_wkb(binary)
        except shapely.errors.ShapelyError as error:
            raise TableError(f"{self.path}: {self.geometry!r} holds no geometry ({error})") from error
        kinds = shapely.get_type_id(shapes)
        refuse(self.path, self.geometry, kinds != shapely.GeometryType.POINT, "something else than a point")
        return np.column_stack([shapely.get_x(shapes), shapely.get_y(shapes)])

    def _check_degrees(self, about: Mapping) -> None:
        """GeoParquet says longitude first whatever the reference system, and OGC:CRS84 where it says nothing."""
        from pyproj import CRS

        if "crs" not in about:
            return
        if about["crs"] is None:
            raise TableError(f"{self.path}: {self.geometry!r} is in no coordinate reference system")
        system = CRS.from_user_input(about["crs"])
        if not any(system.equals(known, ignore_axis_order=True) for known in ("OGC:CRS84", "EPSG:4326")):
            raise TableError(
                f"{self.path}: {self.geometry!r} is in {system.name}; "
                "only degrees of WGS 84 (EPSG:4326, OGC:CRS84) are read"
            )


class _Arrays(File):
    """Named arrays, of which the first axis counts the places."""

    def _axes(self, name: str) -> int:
        raise NotImplementedError

    def all_features(self, others: Sequence[str]) -> list[str]:
        found = [name for name in others if self._axes(name) == 2]
        if len(found) != 1:
            raise TableError(
                f"{self.path}: has {len(found)} arrays of two axes, not one: say which are features; "
                f"{listed(self.names)}"
            )
        return found


class _Npz(_Arrays):
    def __init__(self, path: Path) -> None:
        try:
            file = np.load(path, allow_pickle=False)
        except (ValueError, EOFError, BadZipFile) as error:
            raise TableError(f"{path}: is no NPZ file that can be read ({error})") from error
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise TableError(f"{path}: is a single array, not an NPZ file")
        self._file = file
        super().__init__(path, file.files)

    def describe(self, name: str) -> tuple[np.dtype, tuple[int | None, ...]]:
        """Of an array of the zip archive only the first bytes are read."""
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        try:
            with self._file.zip.open(f"{name}.npy") as stream:
                version = np.lib.format.read_magic(stream)
                shape, _, dtype = read[version](stream)
        except KeyError as error:
            raise TableError(f"{self.path}: {name!r} has a header that is not read ({error})") from error
        except (ValueError, EOFError, BadZipFile, zlib.error) as error:
            raise TableError(f"{self.path}: {name!r} is damaged ({error})") from error
        if dtype.hasobject:
            raise TableError(f"{self.path}: {name!r} cannot be read without running a pickle")
        return dtype, shape

    def read(self, names: Sequence[str]) -> dict[str, NDArray]:
        return {name: self._array(name) for name in names}

    def _array(self, name: str) -> NDArray:
        try:
            return self._file[name]
        except ValueError as error:
            raise TableError(
                f"{self.path}: {name!r} cannot be read without running a pickle ({error})"
            ) from error
        except (EOFError, BadZipFile, zlib.error) as error:
            raise TableError(f"{self.path}: {name!r} is damaged ({error})") from error

    def _axes(self, name: str) -> int:
        return self._array(name).ndim


@contextmanager
def _read_whole(path: Path) -> Iterator[None]:
    """One error for whatever Zarr and its codecs raise where a store is damaged, or holds what they refuse."""
    try:
        yield
    except TableError:
        raise
    except (RuntimeError, ValueError, TypeError, KeyError, OSError, zlib.error) as error:
        # What codecs say after the first sentence advises to switch pickles on: never repeat that.
        raise TableError(f"{path}: cannot be read ({str(error).partition('. ')[0]})") from error


class _Zarr(_Arrays):
    def __init__(self, path: Path) -> None:
        import zarr

        try:
            self._group = zarr.open_group(path, mode="r")
        except (zarr.errors.BaseZarrError, FileNotFoundError) as error:
            raise TableError(f"{path}: is no Zarr group ({error})") from error
        with _read_whole(path):
            super().__init__(path, sorted(self._group.array_keys()))

    def _axes(self, name: str) -> int:
        return self._group[name].ndim

    def describe(self, name: str) -> tuple[np.dtype, tuple[int | None, ...]]:
        array = self._group[name]
        return np.dtype(array.dtype), array.shape

    def read(self, names: Sequence[str]) -> dict[str, NDArray]:
        with _read_whole(self.path):
            return self._read(names)

    def _read(self, names: Sequence[str]) -> dict[str, NDArray]:
        whole = self._group.attrs.get("artefact") == "embeddings"  # whose digests are checked
        for name in () if whole else names:
            # What an interrupted copy left out would be read as zeros.
            array = self._group[name]
            if array.nchunks_initialized < array.nchunks:
                raise TableError(
                    f"{self.path}: {name!r} lacks {array.nchunks - array.nchunks_initialized} of its "
                    f"{array.nchunks} chunks (Zarr leaves out those that hold nothing but the fill value, unless "
                    "told to write empty chunks)"
                )
        dataset = self._dataset(names)
        return {name: dataset[name].values if dataset is not None else self._plain(name) for name in names}

    def _dataset(self, names: Sequence[str]):
        """The variables as xarray decodes them (fill values, packing), or None where axes have no names."""
        import xarray as xr

        if self._group.attrs.get("artefact") == "embeddings":
            try:
                return artefacts.open_store(self.path, "embeddings", names)
            except artefacts.ArtefactError as error:
                raise TableError(str(error)) from error
        if not all(self._has_dimensions(name) for name in self.names):
            return None
        with xr.open_zarr(self.path, consolidated=False, decode_times=False) as dataset:
            return dataset[list(names)].load()

    def _has_dimensions(self, name: str) -> bool:
        array = self._group[name]
        named = array.attrs.get("_ARRAY_DIMENSIONS") or getattr(array.metadata, "dimension_names", None)
        return array.ndim == 0 or (named is not None and None not in named)

    def _plain(self, name: str) -> NDArray:
        array = self._group[name]
        packed = sorted({"scale_factor", "add_offset"} & set(array.attrs))
        if packed:
            raise TableError(f"{self.path}: {name!r} is packed ({packed[0]}) and its axes have no names")
        return np.asarray(array[...])


FORMATS = {".csv": _Csv, ".parquet": _Parquet, ".geoparquet": _Parquet, ".npz": _Npz, ".zarr": _Zarr}


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
    if path.is_dir() != (kind is _Zarr):
        raise TableError(f"{path}: is {'a folder' if path.is_dir() else 'a file'}, and {path.suffix} is not")
    return kind(path)
