"""Text tables with values separated by commas, semicolons, tabs, bars or blanks."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earthdim.data.coordinate_tables.formats.arrow import Arrow
from earthdim.data.coordinate_tables.formats.base import TableError, check_ragged
from earthdim.data.coordinate_tables.formats.dialects import (
    DECIMAL_COMMA,
    THOUSANDS,
    Dialect,
    dialect_of,
    open_rows,
)

# Arrow requires a row to lie within two blocks; a list of ten thousand numbers takes about 200 kB.
_BLOCK = 1 << 22


def header(path: Path) -> list[str]:
    """Names of a text table's columns, without reading rows.

    Raises
    ------
    TableError
        If it has no header.
    """
    return dialect_of(path).names


class Csv(Arrow):
    """A text table."""

    def __init__(self, path: Path) -> None:
        dialect = dialect_of(path)
        super().__init__(path, dialect.names)
        self._whole = _read(path, dialect, ".")
        self._doubtful: frozenset[str] = frozenset()
        commas = _with_commas(self._whole)
        if commas:
            self._take_commas(dialect, commas)

    def describe(self, name: str) -> tuple[np.dtype, tuple[int | None, ...]]:  # noqa: D102
        column = self._whole[name]
        if self._holds_lists(column):
            # Their length is determined when the features are read.
            return np.dtype(np.float64), (len(column), None)
        return self._described(name, column.type, len(column))

    def _take_commas(self, dialect: Dialect, commas: Sequence[str]) -> None:
        """Read decimal commas, unless the commas separate thousands or other columns have decimal points."""
        import pyarrow.compute as pc

        self._doubtful = frozenset(commas)
        values = [
            pc.filter(column, pc.match_substring(column, ",")) for column in map(self._whole.column, commas)
        ]
        if all(_all_like(column, THOUSANDS) for column in values):
            return
        again = _read(self.path, dialect, ",")
        numbers = {name for name in self.names if _is_number(self._whole[name].type)}
        if all(_is_number(again[name].type) for name in numbers):
            self._whole, self._doubtful = again, frozenset()

    def _table(self, names: Sequence[str]):
        return self._whole

    def _hint(self, name: str, kind) -> str:
        if name not in self.names or not str(kind).endswith("string"):
            return ""
        value = next(
            (text for text in self._whole[name].to_pylist() if text and not _is_text_number(text)), None
        )
        if name in self._doubtful:
            return (
                f", such as {value!r}, where the comma may be a decimal point or separate thousands; "
                "use one decimal point in all columns"
            )
        return "" if value is None else f", such as {value[:40]!r}"

    def texts(self, name: str) -> list[str | bytes | None] | None:  # noqa: D102
        return None if self._holds_lists(self._whole[name]) else super().texts(name)

    def _holds_lists(self, column) -> bool:
        """Whether a column holds lists, which CSV stores as text."""
        import pyarrow as pa

        return len(column) > 0 and pa.types.is_string(column.type) and str(column[0]).startswith("[")

    def _column(self, name: str, column) -> NDArray:
        if not self._holds_lists(column):
            return super()._column(name, column)
        try:
            rows = [_list(text) for text in column.to_pylist()]
            lengths = np.array([len(row) if isinstance(row, list) else -1 for row in rows])
            check_ragged(self.path, name, lengths)
            return np.array(rows)
        except (ValueError, TypeError) as error:
            if isinstance(error, TableError):
                raise
            raise TableError(f"{self.path}: {name!r} holds a list that cannot be read ({error})") from error


def _read(path: Path, dialect: Dialect, decimal: str):
    import pyarrow as pa
    from pyarrow import csv

    try:
        # Arrow's reader rounds decimals correctly and rejects rows of unequal length, which pandas fills or shifts.
        return csv.read_csv(
            open_rows(path, dialect),
            csv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=dialect.names),
            csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True),
            csv.ConvertOptions(decimal_point=decimal),
        )
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        if "Empty CSV" in str(error):
            raise TableError(f"{path}: has no rows") from error
        raise TableError(f"{path}: cannot be read as CSV ({error})") from error


def _with_commas(table) -> list[str]:
    """Text columns in which all values are numbers with a decimal comma, and at least one has the comma."""
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = rf"({DECIMAL_COMMA})|(^\s*[+-]?\d+([eE][+-]?\d+)?\s*$)|(^\s*(nan|NaN|NA|inf|-inf)\s*$)"
    return [
        name
        for name in table.column_names
        if pa.types.is_string(table[name].type)
        and pc.any(pc.match_substring_regex(table[name], DECIMAL_COMMA)).as_py()
        and _all_like(table[name], whole)
    ]


def _all_like(column, pattern: str) -> bool:
    import pyarrow.compute as pc

    return bool(pc.all(pc.match_substring_regex(column, pattern)).as_py())


def _is_number(kind) -> bool:
    import pyarrow as pa

    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _is_text_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _list(text: str) -> list:
    """Parse a list in JSON, or as printed by NumPy with blanks between numbers."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        words = text.strip().removeprefix("[").removesuffix("]").split()
        if "," in text or "..." in words or not all(map(_is_text_number, words)):
            raise
        return [float(word) for word in words]
