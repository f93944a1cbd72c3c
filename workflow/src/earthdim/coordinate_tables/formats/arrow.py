"""Columns as Arrow types them: what CSV and Parquet files share."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earthdim.coordinate_tables.formats.base import File, TableError, refuse, refuse_ragged


class Arrow(File):
    """A file of which Arrow makes a table."""

    def _table(self, names: Sequence[str]):
        raise NotImplementedError

    def read(self, names: Sequence[str]) -> dict[str, NDArray]:  # noqa: D102
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
