"""Base class of formats read through Arrow: text tables and Parquet."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earthdim.data.coordinate_tables.formats.base import File, TableError, check_ragged, check_rows


class Arrow(File):
    """A file that Arrow reads as a table; a subclass implements `_table`."""

    def _table(self, names: Sequence[str]):
        raise NotImplementedError

    def read(self, names: Sequence[str]) -> dict[str, NDArray]:  # noqa: D102
        table = self._table([name for name in names if name in self.names])
        return {
            name: self._column(name, table[name] if name in self.names else self._field(name))
            for name in names
        }

    def _field(self, name: str):
        """A field of a struct; null where the struct is null."""
        import pyarrow.compute as pc

        top = self.fields()[name]
        return pc.struct_field(self._table([top])[top], name.removeprefix(f"{top}."))

    def texts(self, name: str) -> list[str | bytes | None] | None:  # noqa: D102
        import pyarrow as pa

        column = _plain(self._table([name])[name] if name in self.names else self._field(name))
        kind = column.type
        known = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
        return column.to_pylist() if any(is_kind(kind) for is_kind in known) else None

    def _column(self, name: str, column) -> NDArray:
        import pyarrow.compute as pc

        column = _plain(column)
        kind = column.type
        if not len(column):
            return np.empty(0)
        if not _is_list(kind):
            self._check_type(name, kind)
            return _numbers(column)
        self._check_type(name, kind.value_type)
        check_rows(self.path, name, pc.is_null(column).to_numpy(), "no list")
        lengths = pc.list_value_length(column).to_numpy()
        check_ragged(self.path, name, lengths)
        return _numbers(pc.list_flatten(column)).reshape(len(lengths), lengths[0])

    def _described(self, name: str, kind, rows: int) -> tuple[np.dtype, tuple[int | None, ...]]:
        """Type and shape of a column from its Arrow type, which does not contain the length of lists."""
        import pyarrow as pa

        kind = _plain_type(kind)
        inner = kind.value_type if _is_list(kind) else kind
        self._check_type(name, inner)
        dtype = np.float64 if pa.types.is_decimal(inner) else inner.to_pandas_dtype()
        return np.dtype(dtype), (rows, None) if _is_list(kind) else (rows,)

    def _check_type(self, name: str, kind) -> None:
        import pyarrow as pa

        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
            raise TableError(f"{self.path}: {name!r} is not numeric but holds {kind}{self._hint(name, kind)}")

    def _hint(self, name: str, kind) -> str:
        """Last part of the message about a column that is not numeric."""
        import pyarrow as pa

        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return "; if these are numbers, store them as numbers"
        return ""


def _is_list(kind) -> bool:
    import pyarrow as pa

    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _plain_type(kind):
    """Type of the values: that of the entries of a dictionary, or of the storage of an extension such as a tensor."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return _plain_type(kind.storage_type)
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _plain(column):
    """Decode a column of a dictionary or extension type to its values."""
    import pyarrow as pa

    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    kind = _plain_type(column.type)
    return column if kind == column.type else column.cast(kind)


def _numbers(column) -> NDArray:
    import pyarrow as pa

    if pa.types.is_decimal(column.type):
        # Through text, so that 12.345678 is rounded once, as by other readers.
        column = column.cast(pa.string()).cast(pa.float64())
    return column.to_numpy()
