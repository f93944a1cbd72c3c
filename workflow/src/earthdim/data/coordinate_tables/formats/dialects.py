"""Detect the dialect of a text table: compression, encoding, header and delimiter."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from earthdim.data.coordinate_tables.formats import kinds
from earthdim.data.coordinate_tables.formats.base import TableError

DELIMITERS = (",", ";", "\t", "|")
BLANK = " "
# Largest size of a header in bytes: ten thousand long names.
LONGEST_HEADER = 1 << 22
# Rows that are inspected to detect the delimiter.
_SEEN = 5
# Largest number of lines of one row.
_LINES = 1000
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
# An empty line, a comment, and the line sep=, which names the delimiter for Excel.
_NO_HEADER = re.compile(rb'\s*$|\s*#|"?sep=.{1,2}"?\s*$', re.IGNORECASE)
# Matches both 1,5 and 12,345.
DECIMAL_COMMA = r"^\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*$"
# Numbers whose comma may also separate thousands.
THOUSANDS = r"^\s*[+-]?[1-9]\d{0,2}(,\d{3})+\s*$"


class Dialect(NamedTuple):
    """Dialect of a text table.

    Attributes
    ----------
    names : list of str
        Names of the columns, stripped.
    delimiter : str
        Separator of values; a blank means any number of blanks and tabs.
    compression : str or None
        Arrow's name of the compression.
    encoding : str
        ``utf-8``, or another encoding that must be converted.
    offset : int
        Decompressed bytes before the first row.
    padded : bool
        Whether blanks may precede a quoted value, which Arrow would not recognise.
    """

    names: list[str]
    delimiter: str
    compression: str | None
    encoding: str
    offset: int
    padded: bool


def dialect_of(path: Path) -> Dialect:
    """Detect the dialect of a text table from its first bytes.

    Raises
    ------
    TableError
        If it has no header.
    """
    with path.open("rb") as stream:
        compression = kinds.compression(stream.read(4))
    start = _beginning(path, compression)
    encoding = "utf-16" if start.startswith(kinds.UTF16) else "utf-8"
    if encoding == "utf-16":
        start = start[: len(start) // 2 * 2].decode(encoding, errors="replace").encode()
    offset, lines = _header_lines(start)
    if not lines:
        raise TableError(f"{path}: cannot be read as CSV (it has no header)")
    text = [_decode(line) for line in lines]
    comment = _decode(_last_comment(start[:offset]))
    try:
        delimiter = _delimiter(text)
        names, used = _record(text, delimiter)
        if _are_values(names):
            # numpy.savetxt writes the header as a comment.
            values, names, used = names, _record([comment], delimiter)[0], 0
            if len(names) != len(values) or _are_values(names):
                raise TableError(f"{path}: has no header; add a first line with the names of the columns")
    except csv.Error as error:
        raise TableError(f"{path}: cannot be read as CSV (its header: {error})") from error
    while used < len(lines) and _is_comment(text[used:], delimiter, len(names)):
        used += 1
    offset += sum(map(len, lines[:used]))
    padded = re.search(re.escape(delimiter).encode() + rb'[ \t]+"', start[offset:]) is not None
    return Dialect([name.strip() for name in names], delimiter, compression, encoding, offset, padded)


def open_rows(path: Path, dialect: Dialect):
    """Open the rows of a text table as a stream of UTF-8 bytes for Arrow; invalid UTF-8 is passed unchanged.

    Raises
    ------
    OSError
        If the compression is damaged.
    """
    import pyarrow as pa

    stream = pa.input_stream(str(path), compression=dialect.compression)
    if dialect.encoding == "utf-8" and dialect.delimiter != BLANK and not dialect.padded:
        stream.read(dialect.offset)
        return stream
    with stream:
        content = stream.read()
    if dialect.encoding != "utf-8":
        content = content.decode(dialect.encoding).encode()
    content = content[dialect.offset :]
    if dialect.delimiter == BLANK:
        content = re.sub(rb"[ \t]+", b" ", content)
        content = re.sub(rb"(?m)^ | (?=\r?$)", b"", content)
    elif dialect.padded:
        # Inside quoted text this removes only blanks.
        between = re.escape(dialect.delimiter).encode()
        content = re.sub(rb"(" + between + rb')[ \t]+(?=")', rb"\1", content)
    return io.BytesIO(content)


def _beginning(path: Path, compression: str | None) -> bytes:
    import pyarrow as pa

    try:
        with pa.input_stream(str(path), compression=compression) as stream:
            return stream.read(LONGEST_HEADER)
    except (OSError, pa.ArrowInvalid) as error:
        raise TableError(f"{path}: is damaged ({error})") from error


def _header_lines(start: bytes) -> tuple[int, list[bytes]]:
    """Offset of the header after a byte order mark, comments and empty lines, and the lines from there."""
    mark = b"\xef\xbb\xbf"
    offset = len(mark) if start.startswith(mark) else 0
    lines = start[offset:].splitlines(keepends=True)
    first = 0
    while first < len(lines) and _NO_HEADER.match(lines[first]):
        offset += len(lines[first])
        first += 1
    return offset, lines[first:]


def _last_comment(before: bytes) -> bytes:
    lines = [line.removeprefix(b"\xef\xbb\xbf").strip() for line in before.splitlines()]
    comments = [line for line in lines if line.startswith(b"#")]
    return comments[-1].lstrip(b"#").strip() if comments else b""


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _is_comment(lines: Sequence[str], delimiter: str, columns: int) -> bool:
    """Whether a line below the header is a comment, such as one of units."""
    return lines[0].lstrip().startswith("#") and len(_record(lines[:_LINES], delimiter)[0]) != columns


def _are_values(names: Sequence[str]) -> bool:
    """Whether a header consists of numbers, other than consecutive column numbers as written by pandas."""
    stripped = [name.strip() for name in names]
    numbered = [list(map(str, range(first, first + len(names)))) for first in (0, 1)]
    return stripped not in numbered and all(_NUMBER.fullmatch(name) for name in stripped)


def _delimiter(lines: Sequence[str]) -> str:
    """Delimiter that splits the header into most names and the first rows into equally many values."""
    best, most = ",", (False, 1)
    for delimiter in (*DELIMITERS, BLANK):
        counts = [len(record) for record in _records(lines, delimiter, _SEEN)] or [1]
        if delimiter == BLANK and most[1] > 1:
            break
        found = (len(set(counts)) == 1, counts[0])
        if counts[0] > 1 and found > most:
            best, most = delimiter, found
    return best


def _record(lines: Sequence[str], delimiter: str) -> tuple[list[str], int]:
    """First record and its number of lines."""
    if delimiter == BLANK:
        return lines[0].split(), 1
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    return next(reader), reader.line_num


def _records(lines: Sequence[str], delimiter: str, limit: int) -> Iterator[list[str]]:
    at = 0
    for _ in range(limit):
        while at < len(lines) and not lines[at].strip():
            at += 1
        # The last line may be incomplete if only part of the file was read.
        if at >= max(len(lines) - 1, 1):
            return
        try:
            record, used = _record(lines[at : at + _LINES], delimiter)
        except csv.Error:
            # A list in a cell may exceed the field limit of Python's reader.
            return
        yield record
        at += used
