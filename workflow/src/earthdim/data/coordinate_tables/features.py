"""Determine the feature columns of a table: those in the config, or those that names and metadata identify.

An identifier or coordinate among the features would silently change the measurement, so an ambiguous table is an error.
"""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np

from earthdim.data.coordinate_tables.formats.base import Arrays, File, TableError, listed, require

Features = str | Sequence[str] | None

UNAMBIGUOUS_COUNT = 4
"""Least number of numbered columns that are taken as the features although the table has other, fewer columns."""

WILDCARDS = "*?["
# Names that pandas gives to an unnamed index; Arrow reads the first of them.
_INDEX = re.compile(r"|Unnamed: \d+|__index_level_\d+__|index")
_ADVICE = "set features: to a column, a pattern such as emb_*, or a list"
# Names of columns with the scales of quantised values.
_SCALES = re.compile(r"(.*_)?(scales?|scale_factors?)", re.IGNORECASE)


class Series(NamedTuple):
    """Columns whose names differ only in a number.

    Attributes
    ----------
    names : tuple of str
        In the order of the file.
    before, after : str
        The text around the number.
    numbers : tuple of str
        The numbers as written.
    """

    names: tuple[str, ...]
    before: str
    after: str
    numbers: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether the numbers count from 0 or 1 without a gap, all zero-padded or none."""
        counted = sorted(map(int, self.numbers))
        widths = set(map(len, self.numbers))
        padded = len(widths) == 1 or all(number == str(int(number)) for number in self.numbers)
        return (
            padded and counted[0] in (0, 1) and counted == list(range(counted[0], counted[0] + len(counted)))
        )

    @property
    def pattern(self) -> str:
        """The narrowest pattern that matches their names."""
        widths = set(map(len, self.numbers))
        digits = "[0-9]" * widths.pop() if len(widths) == 1 else "[0-9]*"
        return f"{_literal(self.before)}{digits}{_literal(self.after)}"

    def __str__(self) -> str:
        counted = sorted(zip(map(int, self.numbers), self.names, strict=True))
        return self.names[0] if len(counted) == 1 else f"{counted[0][1]} to {counted[-1][1]}"


def feature_columns(file: File, others: Sequence[str], features: Features) -> list[str]:
    """Return the feature columns of a table.

    Parameters
    ----------
    file : File
    others : sequence of str
        Its columns except those of the coordinates.
    features : str or sequence of str, optional
        See `earthdim.data.coordinate_tables.read`.

    Returns
    -------
    list of str
        In the order of `features`, or of the file.

    Raises
    ------
    TableError
        If a name does not exist or is repeated, a pattern matches numbered and other columns, or `features` is None and
        the features are ambiguous.
    """
    return _inferred_features(file, others) if features is None else select(file.path, others, features)


def select(path: Path, names: Sequence[str], features: str | Sequence[str]) -> list[str]:
    """Return the columns among `names` selected by `features`; see `feature_columns`."""
    if isinstance(features, str):
        if features not in names and any(mark in features for mark in WILDCARDS):
            found = [name for name in names if fnmatchcase(name, features)]
            if not found:
                raise TableError(
                    f"{path}: no column except coordinates matches {features!r}; {listed(names)}"
                )
            _check_pattern(path, found, names, features)
            return found
        features = [features]
    if not features:
        raise TableError(f"{path}: features is empty")
    require(path, names, features)
    repeated = next((name for name in features if list(features).count(name) > 1), None)
    if repeated is not None:
        raise TableError(f"{path}: features names {repeated!r} twice")
    return list(features)


def unused_numeric(file: File, others: Sequence[str], names: Sequence[str]) -> list[str]:
    """Numeric columns that are neither features nor an index."""
    kinds = _kinds(file, [name for name in others if name not in names and not _is_excluded(file, name)])[0]
    return [name for name, axes in kinds.items() if axes == 1]


def series(names: Sequence[str]) -> list[Series]:
    """Find series of numbered columns, longest first; any run of digits in a name may be the number."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name in names:
        for run in re.finditer(r"\d+", name):
            groups.setdefault((name[: run.start()], name[run.end() :]), []).append((name, run.group()))
    found = [
        Series(tuple(name for name, _ in members), *around, tuple(number for _, number in members))
        for around, members in groups.items()
    ]
    return sorted(found, key=lambda one: -len(one.names))


def non_features(names: Sequence[str]) -> tuple[Series | None, list[str]]:
    """Return the longest series of numbered names and the other names; None and none if no series dominates."""
    known = [one for one in series(names) if len(one.names) >= UNAMBIGUOUS_COUNT]
    numbered = {name for one in known for name in one.names}
    others = [name for name in names if name not in numbered]
    return (known[0], others) if known and len(others) < len(known[0].names) else (None, [])


def scales(file: File, names: Sequence[str], rows: int) -> list[str]:
    """Find columns that seem to hold the scales of integer columns `names`: one floating-point number per row."""
    if any(file.describe(name)[0].kind not in "iu" for name in names):
        return []
    found = [name for name in file.names if name not in names and _SCALES.fullmatch(name)]
    about = _descriptions(file, found)[0]
    return [name for name, (dtype, shape) in about.items() if dtype.kind == "f" and shape[:1] == (rows,)]


def _literal(text: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", text)


def _check_pattern(path: Path, found: Sequence[str], names: Sequence[str], pattern: str) -> None:
    """Raise TableError if a pattern matches numbered columns and others, which is probably a mistake."""
    numbered, others = non_features(found)
    if not others:
        return
    narrow = numbered.pattern
    is_exact = set(numbered.names) == {name for name in names if fnmatchcase(name, narrow)}
    instead = f"features: {narrow!r}" if is_exact else "a narrower pattern"
    raise TableError(
        f"{path}: {pattern!r} matches {', '.join(map(repr, others[:5]))}{' and more' if len(others) > 5 else ''} in "
        f"addition to the numbered {numbered}; write {instead}, or list the columns if all are features"
    )


def _inferred_features(file: File, others: Sequence[str]) -> list[str]:
    """Features identified by metadata and names: the only column of lists, or the only series of numbered columns."""
    if not others:
        arrays = "0 arrays of two axes, and " if isinstance(file, Arrays) else ""
        raise TableError(f"{file.path}: has {arrays}no column except the coordinates")
    left = [name for name in others if not _is_excluded(file, name)]
    kinds, problem = _kinds(file, left)
    if not kinds and problem is not None:
        raise problem
    matrices = [name for name, axes in kinds.items() if axes == 2]
    numbered = [
        one for one in series(left) if one.whole and len(one.names) > 1 and set(one.names) & set(kinds)
    ]
    plain = [name for name, axes in kinds.items() if axes == 1]
    if len(matrices) == 1 and not any(len(one.names) >= UNAMBIGUOUS_COUNT for one in numbered):
        return matrices
    if not matrices and len(numbered) == 1:
        unnumbered = [name for name in plain if name not in numbered[0].names]
        if not unnumbered or (
            len(numbered[0].names) >= UNAMBIGUOUS_COUNT and len(unnumbered) < len(numbered[0].names)
        ):
            return list(numbered[0].names)
    if not matrices and len(plain) == 1 and len(left) == 1:
        return plain
    raise TableError(f"{file.path}: {_candidates(file, matrices, numbered, plain)}; {_ADVICE}")


def _candidates(file: File, matrices: Sequence[str], numbered: Sequence[Series], plain: Sequence[str]) -> str:
    """Describe the possible features, for an error."""
    if len(matrices) > 1 or (not matrices and not plain):
        what = "arrays of two axes" if isinstance(file, Arrays) else "columns of lists"
        named = f" ({', '.join(matrices)})" if matrices else ""
        return f"has {len(matrices)} {what}{named}, not exactly one"
    several = {name for one in numbered for name in one.names}
    rest = [name for name in plain if name not in several]
    parts = [*map(str, numbered), *matrices, *rest]
    more = f" and {len(parts) - 12} more" if len(parts) > 12 else ""
    return f"its features are ambiguous: candidates are {', '.join(parts[:12])}{more}"


def _is_excluded(file: File, name: str) -> bool:
    return name in file.index or name in file.place_columns or _INDEX.fullmatch(name) is not None


def _descriptions(
    file: File, names: Sequence[str]
) -> tuple[Mapping[str, tuple[np.dtype, tuple[int | None, ...]]], TableError | None]:
    """Types and shapes of the readable columns, and the first error of the others."""
    found, problem = {}, None
    for name in names:
        try:
            found[name] = file.describe(name)
        except TableError as error:
            problem = problem or error
    return found, problem


def _kinds(file: File, names: Sequence[str]) -> tuple[dict[str, int], TableError | None]:
    """Numeric columns and their number of axes; if there are none, arrays of two axes of any type."""
    found, problem = _descriptions(file, names)
    of_numbers = {name: len(shape) for name, (dtype, shape) in found.items() if dtype.kind in "fiu"}
    two_axes = {name: len(shape) for name, (_, shape) in found.items() if len(shape) == 2}
    return of_numbers or two_axes, problem
