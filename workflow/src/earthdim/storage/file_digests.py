"""Sums of the user's own files, which say whether one changed, whatever its date.

A file that is moved, unpacked or copied with its dates may be older than what was made of the one before it: only its
content tells. A sum that was taken once is kept beside what the file system says of the file, and holds as long as none
of that changes; the time of the last change of its inode is part of that, which no program can set.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from earthdim.storage.atomic import publish
from earthdim.storage.digests import digest

# Times of files are as fine as two seconds on some file systems: a file that changed as lately may change once more
# without another time (git calls such a file racy).
RACY_S = 2
# Whoever waits for a sum of more bytes is told why.
TELL_BYTES = 1_000_000_000
# Sums that took less than this to take are not worth a write of their own.
WRITE_S = 1


class Sums:
    """Sums of files, each taken once for each state of the file.

    Parameters
    ----------
    cache : path, optional
        A file that keeps them for other processes; one that is damaged or cannot be written costs time alone.
    """

    def __init__(self, cache: Path | None = None):
        self._cache = cache
        self._kept: dict[str, list] = self._load()
        self._new: dict[str, list] = {}
        self._known: dict[str, str] = {}
        self._written = -WRITE_S

    def of(self, path: str | Path) -> str:
        """SHA-256 of a file's bytes; within one process it is that of the first time.

        Raises
        ------
        OSError
            If the file cannot be read.
        """
        name = str(path)
        if name not in self._known:
            self._known[name] = self._sum(name)
            self._save()
        return self._known[name]

    def one_of(self, paths: Iterable[str | Path]) -> str:
        """One digest of files and their names, whatever their order."""
        return digest({str(path): self.of(path) for path in sorted(map(str, paths))})

    def _sum(self, name: str) -> str:
        # To open asks a network file system anew, which else answers from memory.
        with Path(name).open("rb") as file:
            state, now = _state(file.fileno()), time.time()
            kept = self._kept.get(name)
            if kept is not None and kept[0] == state:
                return kept[1]
            if state["size"] > TELL_BYTES:
                size = state["size"] / 1e9
                print(f"{name}: {size:.1f} GB are read to see what they hold", file=sys.stderr, flush=True)
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if not _is_racy(state, now) and _state(file.fileno()) == state:
                self._new[name] = [state, found]
        return found

    def _load(self) -> dict[str, list]:
        """What was kept, as far as it is whole."""
        if self._cache is None:
            return {}
        try:
            kept = json.loads(self._cache.read_bytes())
        # Not there, no text, no JSON, or nested without end.
        except (OSError, ValueError, RecursionError):
            return {}
        items = kept.items() if isinstance(kept, dict) else ()
        return {name: entry for name, entry in items if _is_entry(entry)}

    def _save(self) -> None:
        """Add what is new to what is kept; of two that write at once one may lose its part, which costs time."""
        now = time.monotonic()
        if self._cache is None or not self._new or now - self._written < WRITE_S:
            return
        self._kept = {**self._kept, **self._load(), **self._new}
        there = {name: entry for name, entry in self._kept.items() if Path(name).exists()}
        # A disk that is full or may not be written costs the time of the next sum.
        with suppress(OSError), publish(self._cache) as partial:
            partial.write_text(json.dumps(there, sort_keys=True))
        self._new, self._written = {}, time.monotonic()


def _state(descriptor: int) -> dict[str, int]:
    """What the file system says of an open file, all of which stays the same as long as its bytes do."""
    said = os.fstat(descriptor)
    return {
        "size": said.st_size,
        "mtime": said.st_mtime_ns,
        "ctime": said.st_ctime_ns,
        "inode": said.st_ino,
    }


def _is_racy(state: dict[str, int], now: float) -> bool:
    """Whether a file changed so lately, or by a clock so far ahead, that its times may not tell the next change."""
    changed, modified = state["ctime"] / 1e9, state["mtime"] / 1e9
    return changed > now - RACY_S or abs(modified - now) < RACY_S


def _is_entry(entry: Any) -> bool:
    if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], dict)):
        return False
    return isinstance(entry[1], str) and len(entry[1]) == 64 and set(entry[1]) <= set("0123456789abcdef")


USERS = Sums()
"""Those of this process."""


def keep(cache: Path) -> None:
    """Let this process keep sums in a file, and take those that others kept there."""
    global USERS
    USERS = Sums(cache)
