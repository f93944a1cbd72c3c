"""What all formats of tables of places have in common: errors, columns, arrays."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
    of_places: frozenset[str] = frozenset()
    """Columns that describe places beside the coordinates, and are no features."""

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


class Arrays(File):
    """Named arrays, of which the first axis counts the places."""

    def _axes(self, name: str) -> int:
        raise NotImplementedError

    def all_features(self, others: Sequence[str]) -> list[str]:  # noqa: D102
        found = [name for name in others if self._axes(name) == 2]
        if len(found) != 1:
            raise TableError(
                f"{self.path}: has {len(found)} arrays of two axes, not one: say which are features; "
                f"{listed(self.names)}"
            )
        return found
