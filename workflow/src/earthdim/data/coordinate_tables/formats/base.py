"""What all formats of tables of places have in common: errors, columns, arrays."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# How many names of columns an error lists.
LISTED = 12


class TableError(ValueError):
    """A file is no table of places that can be read, told in one sentence that names file and column."""


def listed(names: Sequence[str]) -> str:
    """The names that there are, for an error."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"there are {', '.join(names[:LISTED]) or 'no columns'}{more}"


def check_rows(path: Path, name: str, bad: NDArray[np.bool_], what: str) -> None:
    """Raise if a row is bad: how many are, and which is the first."""
    if bad.any():
        raise TableError(
            f"{path}: {name!r} holds {what} in {np.count_nonzero(bad)} of {len(bad)} rows, "
            f"the first in row {np.argmax(bad) + 1}"
        )


def check_ragged(path: Path, name: str, lengths: NDArray) -> None:
    """Raise unless every row holds a list and all are of one length."""
    if not len(lengths):
        raise TableError(f"{path}: has no rows")
    check_rows(path, name, lengths < 1, "no list or an empty one")
    check_rows(path, name, lengths != lengths[0], f"lists that are not {lengths[0]} long, as the first is,")


def require(path: Path, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise TableError unless all columns that are wanted are there."""
    missing = [name for name in wanted if name not in names]
    if missing:
        raise TableError(f"{path}: has no column {missing[0]!r}; {listed(names)}")


def numeric(path: Path, name: str, column: NDArray, rows: int | None) -> NDArray:
    """The column, if it holds real numbers and, where `rows` are told, one or one vector for each."""
    if column.dtype.kind not in "fiu":
        kind = "Python objects or text" if column.dtype.kind in "OSUT" else column.dtype
        raise TableError(f"{path}: {name!r} is not numeric but holds {kind}")
    if column.ndim == 0 or (rows is not None and len(column) != rows):
        raise TableError(f"{path}: {name!r} has the shape {column.shape}, and there are {rows} places")
    return column


def check_finite(
    path: Path, labels: Sequence[str], values: NDArray, kept: NDArray[np.bool_] | None = None
) -> None:
    """Raise if a value (n, d) is missing or not finite: how many are, and where the first is.

    `kept` says which rows of the file these are, where some were left out.
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
    """A file of columns of one length.

    `geometry` names the column of points, where there is one, `index` the columns that only number the rows, and
    `place_columns` those that describe places besides: no features either.
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
        """The columns of these names, (n,) or (n, d)."""
        raise NotImplementedError

    def fields(self) -> dict[str, str]:
        """Names of the fields of structs, as `read` takes them, and the column that each stands in."""
        return {}

    def texts(self, name: str) -> list[str | bytes | None] | None:
        """The values of a column of text or of bytes; None of another column."""
        return None

    def select_place_axis(self, names: Sequence[str]) -> None:
        """Take the axis of these columns, which hold the places, for the first of all others, where axes have names.

        Raises
        ------
        TableError
            If the places lie along several axes: a grid.
        """

    def check_axes(self, name: str) -> None:
        """Raise TableError if the axes of a column have names, and none is that of the places."""

    def describe(self, name: str) -> tuple[np.dtype, tuple[int | None, ...]]:
        """Type and shape of a column as the file itself tells them; None is a length that only the values tell.

        Raises
        ------
        TableError
            If the file tells already that the column cannot be read.
        """
        raise NotImplementedError


class Arrays(File):
    """Named arrays, of which the first axis counts the places."""
