"""A common interface to Parquet files, folders of Parquet parts, and Arrow and Feather files."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

from earthdim.data.coordinate_tables.formats import kinds
from earthdim.data.coordinate_tables.formats.base import TableError


def open_columns(path: Path):
    """Open with the interface of pyarrow's ParquetFile: `schema_arrow`, `metadata` (`num_rows`, `metadata`), `read`.

    Raises
    ------
    TableError
        If the file or a part cannot be read, or parts differ in their columns.
    """
    import pyarrow as pa

    kind = kinds.kind_of(path)
    try:
        if kind == kinds.FOLDER:
            return Parts(path)
        return Ipc(path) if kind == kinds.ARROW else _parquet(path)
    except (pa.ArrowInvalid, OSError) as error:
        what = "Arrow" if kind == kinds.ARROW else "Parquet"
        raise TableError(f"{path}: cannot be read as {what} ({error})") from error


def _parquet(path: Path):
    import pyarrow.parquet as pq

    return pq.ParquetFile(path)


class Parts:
    """A folder of Parquet files of one table, in the order of their names.

    Partition folders ``key=value`` are not read as columns: they group rows and are not features.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names = kinds.parts(path)
        self._files = [self._open(file) for file in self._names]
        first = self._files[0]
        self.schema_arrow = first.schema_arrow
        for name, file in zip(self._names, self._files, strict=True):
            different = set(first.schema_arrow.names) ^ set(file.schema_arrow.names)
            if different:
                raise TableError(
                    f"{path}: {name.relative_to(path)} and {self._names[0].relative_to(path)} differ in the column "
                    f"{min(different)!r}; parts of one table must have the same columns"
                )
        rows = sum(file.metadata.num_rows for file in self._files)
        self.metadata = SimpleNamespace(num_rows=rows, metadata=first.metadata.metadata)
        self._check_complete(rows)

    def read(self, columns: Sequence[str], use_threads: bool = True):
        """Read columns of all parts, concatenated."""
        import pyarrow as pa

        tables = [file.read(columns=list(columns), use_threads=use_threads) for file in self._files]
        # Types may differ in parts without rows or with only whole numbers; the order of columns may differ too.
        tables = [table.select(list(columns)).replace_schema_metadata(None) for table in tables]
        try:
            return pa.concat_tables(
                [table for table in tables if len(table)] or tables[:1], promote_options="permissive"
            )
        except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
            raise TableError(f"{self._path}: parts differ in the type of a column ({error})") from error

    def _open(self, file: Path):
        import pyarrow as pa

        try:
            return _parquet(file)
        except (pa.ArrowInvalid, OSError) as error:
            raise TableError(
                f"{self._path}: {file.relative_to(self._path)} cannot be read as Parquet ({error})"
            ) from error

    def _check_complete(self, rows: int) -> None:
        """Detect an incomplete copy by the number of rows in the summary file, if there is one."""
        import pyarrow.parquet as pq

        summary = self._path / "_metadata"
        if summary.is_file() and pq.read_metadata(summary).num_rows not in (0, rows):
            raise TableError(
                f"{self._path}: its parts have {rows} rows, but _metadata states "
                f"{pq.read_metadata(summary).num_rows}; parts are missing, or _metadata is out of date"
            )


class Ipc:
    """An Arrow file or stream, including Feather version 2."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        with path.open("rb") as stream:
            is_file = stream.read(6) == b"ARROW1"
        with pa.memory_map(str(path)) as source:
            reader = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(source)
            self._table = reader.read_all()
        self.schema_arrow = self._table.schema
        self.metadata = SimpleNamespace(num_rows=len(self._table), metadata=self.schema_arrow.metadata)

    def read(self, columns: Sequence[str], use_threads: bool = True):
        """Read columns."""
        return self._table.select(list(columns))
