"""Comma-separated values."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earthdim.coordinate_tables.formats.arrow import Arrow
from earthdim.coordinate_tables.formats.base import TableError, refuse_ragged


class Csv(Arrow):
    """A CSV file."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        from pyarrow import csv

        try:
            # Arrow's reader rounds decimals correctly and refuses rows of another length, which pandas fills or shifts.
            self._whole = csv.read_csv(path, csv.ReadOptions(use_threads=False))
        except pa.ArrowInvalid as error:
            raise TableError(f"{path}: is no CSV file that can be read ({error})") from error
        super().__init__(path, self._whole.column_names)

    def describe(self, name: str) -> tuple[np.dtype, tuple[int | None, ...]]:  # noqa: D102
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
