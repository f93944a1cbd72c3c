"""The contract of all table formats, and checks and errors that they share."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Largest number of column names in an error.
LISTED = 12


class TableError(ValueError):
    """A file cannot be read as a table of places; the message is one line that names the file and column."""


def listed(names: Sequence[str]) -> str:
    """List the existing names, for an error."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"there are {', '.join(names[:LISTED]) or 'no columns'}{more}"


def check_rows(path: Path, name: str, bad: NDArray[np.bool_], what: str) -> None:
    """Raise TableError if rows are bad; the message gives their number and the first."""
    if bad.any():
        raise TableError(
            f"{path}: {name!r} holds {what} in {np.count_nonzero(bad)} of {len(bad)} rows, "
            f"the first in row {np.argmax(bad) + 1}"
        )


def check_ragged(path: Path, name: str, lengths: NDArray) -> None:
    """Raise TableError unless every row holds a list and all have equal length."""
    if not len(lengths):
        raise TableError(f"{path}: has no rows")
    check_rows(path, name, lengths < 1, "no list or an empty one")
    check_rows(
        path, name, lengths != lengths[0], f"lists of another length than {lengths[0]}, that of the first,"
    )


def require(path: Path, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise TableError unless all wanted columns exist."""
    missing = [name for name in wanted if name not in names]
    if missing:
        raise TableError(f"{path}: has no column {missing[0]!r}; {listed(names)}")


def numeric(path: Path, name: str, column: NDArray, rows: int | None) -> NDArray:
    """Return the column if it holds real numbers and, if `rows` is given, a number or a vector for each row."""
    if column.dtype.kind not in "fiu":
        kind = "Python objects or text" if column.dtype.kind in "OSUT" else column.dtype
        raise TableError(f"{path}: {name!r} is not numeric but holds {kind}")
    if column.ndim == 0 or (rows is not None and len(column) != rows):
        raise TableError(f"{path}: {name!r} has the shape {column.shape}, but there are {rows} places")
    return column


def check_finite(
    path: Path, labels: Sequence[str], values: NDArray, kept: NDArray[np.bool_] | None = None
) -> None:
    """Raise TableError if values (n, d) are missing or not finite; the message gives their number and the first.

    `kept` marks these rows among those of the file, if rows were dropped.
    """
    wrong = ~np.isfinite(values)
    rows = wrong.any(axis=1)
    if rows.any():
        first = int(np.argmax(rows))
        row = first if kept is None else int(np.flatnonzero(kept)[first])
        raise TableError(
            f"{path}: {np.count_nonzero(wrong)} values are missing or not finite, "
            f"the first in {labels[np.argmax(wrong[first])]!r}, row {row + 1}"
        )


class File:
    """Base class of table formats: a file of columns of equal length.

    A subclass opens the file in its constructor, raising TableError if that fails, and implements `read` and
    `describe`. Reading runs no code from the file. Methods that are not overridden describe a format without structs,
    text columns or named axes.

    Attributes
    ----------
    path : Path
    names : list of str
        Names of the columns.
    geometry : str or None
        The column of geometries, if there is one.
    index : frozenset of str
        Columns that only number the rows.
    place_columns : frozenset of str
        Other columns that describe places. Neither these nor `index` are features.
    """

    geometry: str | None = None
    index: frozenset[str] = frozenset()
    place_columns: frozenset[str] = frozenset()

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path = path
        self.names = list(names)
        repeated = next((name for name in self.names if self.names.count(name) > 1), None)
        if repeated is not None:
            raise TableError(f"{path}: has several columns {repeated!r}")

    def read(self, names: Sequence[str]) -> dict[str, NDArray]:
        """Read columns, (n,) or (n, d), by name."""
        raise NotImplementedError

    def fields(self) -> dict[str, str]:
        """Fields of structs: name as for `read` -> column."""
        return {}

    def texts(self, name: str) -> list[str | bytes | None] | None:
        """Values of a column of text or bytes; None for other columns."""
        return None

    def select_place_axis(self, names: Sequence[str]) -> None:
        """In a format with named axes, make the axis of these coordinate columns the first axis of all columns.

        Raises
        ------
        TableError
            If the coordinates have several axes: the file is a grid.
        """

    def check_axes(self, name: str) -> None:
        """Raise TableError if a column has named axes and none is that of the places."""

    def describe(self, name: str) -> tuple[np.dtype, tuple[int | None, ...]]:
        """Type and shape of a column from the file's metadata; None for a length that is not in the metadata.

        Raises
        ------
        TableError
            If the metadata show that the column cannot be read.
        """
        raise NotImplementedError


class Arrays(File):
    """Base class of formats with named arrays, whose first axis is that of the places."""
