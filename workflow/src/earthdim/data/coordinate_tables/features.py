"""Which columns of a table are its features: those that somebody names, or that names and metadata decide.

A column that is no feature would be measured as one without anybody seeing it: what is not decided is refused.
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
"""From how many numbered columns on others may stand beside them, if there are fewer of those."""

WILDCARDS = "*?["
# What pandas calls an index that it writes and that had no name; Arrow reads the first of them.
_INDEX = re.compile(r"|Unnamed: \d+|__index_level_\d+__|index")
_SAY = "say which columns are features (features: a column, a pattern such as emb_*, or a list)"
# What holds the scales of quantised values.
_SCALES = re.compile(r"(.*_)?(scales?|scale_factors?)", re.IGNORECASE)


class Series(NamedTuple):
    """Columns whose names are one text but for a number.

    Attributes
    ----------
    names : tuple of str
        In the order of the file.
    before, after : str
        The text around the number.
    numbers : tuple of str
        As they are written.
    """

    names: tuple[str, ...]
    before: str
    after: str
    numbers: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether they count from 0 or 1 without a gap, all padded with zeros or none."""
        counted = sorted(map(int, self.numbers))
        widths = set(map(len, self.numbers))
        padded = len(widths) == 1 or all(number == str(int(number)) for number in self.numbers)
        return (
            padded and counted[0] in (0, 1) and counted == list(range(counted[0], counted[0] + len(counted)))
        )

    @property
    def pattern(self) -> str:
        """A pattern of their names and as few others as a pattern can tell apart."""
        widths = set(map(len, self.numbers))
        digits = "[0-9]" * widths.pop() if len(widths) == 1 else "[0-9]*"
        return f"{_literal(self.before)}{digits}{_literal(self.after)}"

    def __str__(self) -> str:
        counted = sorted(zip(map(int, self.numbers), self.names, strict=True))
        return self.names[0] if len(counted) == 1 else f"{counted[0][1]} to {counted[-1][1]}"


def feature_columns(file: File, others: Sequence[str], features: Features) -> list[str]:
    """The columns of a table that are features.

    Parameters
    ----------
    file : File
    others : sequence of str
        Its columns but for those of the place.
    features : str or sequence of str, optional
        See `earthdim.data.coordinate_tables.read`.

    Returns
    -------
    list of str
        In the order of `features`, or of the file.

    Raises
    ------
    TableError
        If a name is not there or stands twice, a pattern takes numbered columns and others, or nobody says which
        columns are features and their names do not either.
    """
    return _inferred_features(file, others) if features is None else select(file.path, others, features)


def select(path: Path, names: Sequence[str], features: str | Sequence[str]) -> list[str]:
    """The columns among `names` that `features` names; see `feature_columns`."""
    if isinstance(features, str):
        if features not in names and any(mark in features for mark in WILDCARDS):
            found = [name for name in names if fnmatchcase(name, features)]
            if not found:
                raise TableError(
                    f"{path}: no column but those of the place is like {features!r}; {listed(names)}"
                )
            _check_pattern(path, found, names, features)
            return found
        features = [features]
    if not features:
        raise TableError(f"{path}: features names no column")
    require(path, names, features)
    repeated = next((name for name in features if list(features).count(name) > 1), None)
    if repeated is not None:
        raise TableError(f"{path}: features names {repeated!r} twice")
    return list(features)


def unused_numeric(file: File, others: Sequence[str], names: Sequence[str]) -> list[str]:
    """Columns of numbers that are neither features nor an index, where nobody said which are."""
    kinds = _kinds(file, [name for name in others if name not in names and not _is_excluded(file, name)])[0]
    return [name for name, axes in kinds.items() if axes == 1]


def series(names: Sequence[str]) -> list[Series]:
    """Numbered columns among names, the longest first: every run of digits may be what numbers them."""
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
    """The most of the names that are numbered alike, and those that are not; None where they do not stand out."""
    known = [one for one in series(names) if len(one.names) >= UNAMBIGUOUS_COUNT]
    numbered = {name for one in known for name in one.names}
    others = [name for name in names if name not in numbered]
    return (known[0], others) if known and len(others) < len(known[0].names) else (None, [])


def scales(file: File, names: Sequence[str], rows: int) -> list[str]:
    """Columns that look like the scales of these, which hold whole numbers: one floating-point number a row."""
    if any(file.describe(name)[0].kind not in "iu" for name in names):
        return []
    found = [name for name in file.names if name not in names and _SCALES.fullmatch(name)]
    about = _descriptions(file, found)[0]
    return [name for name, (dtype, shape) in about.items() if dtype.kind == "f" and shape[:1] == (rows,)]


def _literal(text: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", text)


def _check_pattern(path: Path, found: Sequence[str], names: Sequence[str], pattern: str) -> None:
    """Refuse a pattern that takes numbered columns and others, which hardly anybody means."""
    numbered, others = non_features(found)
    if not others:
        return
    narrow = numbered.pattern
    alike = set(numbered.names) == {name for name in names if fnmatchcase(name, narrow)}
    instead = f"features: {narrow!r}" if alike else "a narrower pattern"
    raise TableError(
        f"{path}: {pattern!r} takes {', '.join(map(repr, others[:5]))}{' and more' if len(others) > 5 else ''} beside "
        f"the numbered {numbered}; write {instead}, or list the columns if all are features"
    )


def _inferred_features(file: File, others: Sequence[str]) -> list[str]:
    """The features that metadata and names tell: one column of lists, one series of numbered columns."""
    if not others:
        arrays = "0 arrays of two axes, and " if isinstance(file, Arrays) else ""
        raise TableError(f"{file.path}: has {arrays}no column beside the coordinates")
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
        beside = [name for name in plain if name not in numbered[0].names]
        if not beside or (
            len(numbered[0].names) >= UNAMBIGUOUS_COUNT and len(beside) < len(numbered[0].names)
        ):
            return list(numbered[0].names)
    if not matrices and len(plain) == 1 and len(left) == 1:
        return plain
    raise TableError(f"{file.path}: {_candidates(file, matrices, numbered, plain)}: {_SAY}")


def _candidates(file: File, matrices: Sequence[str], numbered: Sequence[Series], plain: Sequence[str]) -> str:
    """What may be features, in words."""
    if len(matrices) > 1 or (not matrices and not plain):
        what = "arrays of two axes" if isinstance(file, Arrays) else "columns of lists"
        named = f" ({', '.join(matrices)})" if matrices else ""
        return f"has {len(matrices)} {what}{named}, not one"
    several = {name for one in numbered for name in one.names}
    rest = [name for name in plain if name not in several]
    parts = [*map(str, numbered), *matrices, *rest]
    more = f" and {len(parts) - 12} more" if len(parts) > 12 else ""
    return f"its columns do not tell which are features; {', '.join(parts[:12])}{more} may be"


def _is_excluded(file: File, name: str) -> bool:
    return name in file.index or name in file.place_columns or _INDEX.fullmatch(name) is not None


def _descriptions(
    file: File, names: Sequence[str]
) -> tuple[Mapping[str, tuple[np.dtype, tuple[int | None, ...]]], TableError | None]:
    """What a file tells of columns; those that cannot be read are not there, and the first reason is."""
    found, problem = {}, None
    for name in names:
        try:
            found[name] = file.describe(name)
        except TableError as error:
            problem = problem or error
    return found, problem


def _kinds(file: File, names: Sequence[str]) -> tuple[dict[str, int], TableError | None]:
    """Columns of numbers and how many axes each has; of arrays that hold something else, where there are no others."""
    found, problem = _descriptions(file, names)
    of_numbers = {name: len(shape) for name, (dtype, shape) in found.items() if dtype.kind in "fiu"}
    whatever = {name: len(shape) for name, (_, shape) in found.items() if len(shape) == 2}
    return of_numbers or whatever, problem
