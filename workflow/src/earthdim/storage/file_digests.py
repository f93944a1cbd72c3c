"""Checksums of user-supplied files, which detect changes independently of modification times.

A file that was moved, unpacked or copied with its dates may be older than results of its previous version, so only the
content can show a change. A checksum is cached with the file's metadata and is valid while these are unchanged; they
include the inode's change time, which no program can set.
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

# Some file systems store times in steps of two seconds. A file that changed more recently may change again without a
# new time (git calls such a file racy).
RACY_S = 2
# A message is printed before the checksum of a larger file is computed.
REPORT_BYTES = 1_000_000_000
# The cache is written at most once in this time.
WRITE_S = 1


class Checksums:
    """Checksums of files, computed once for each state of a file.

    Parameters
    ----------
    cache : path, optional
        A file that shares them with other processes. A damaged or read-only cache only costs time.
    """

    def __init__(self, cache: Path | None = None):
        self._cache = cache
        self._kept: dict[str, list] = self._load()
        self._new: dict[str, list] = {}
        self._known: dict[str, str] = {}
        self._written = -WRITE_S

    def of(self, path: str | Path) -> str:
        """SHA-256 of a file's bytes. Within one process, later changes of the file are not noticed.

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
        """One digest of several files and their names, independent of their order."""
        return digest({str(path): self.of(path) for path in sorted(map(str, paths))})

    def _sum(self, name: str) -> str:
        # Opening the file makes a network file system refresh its cached metadata.
        with Path(name).open("rb") as file:
            state, now = _state(file.fileno()), time.time()
            kept = self._kept.get(name)
            if kept is not None and kept[0] == state:
                return kept[1]
            if state["size"] > REPORT_BYTES:
                size = state["size"] / 1e9
                print(f"{name}: {size:.1f} GB; computing its checksum", file=sys.stderr, flush=True)
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if not _is_racy(state, now) and _state(file.fileno()) == state:
                self._new[name] = [state, found]
        return found

    def _load(self) -> dict[str, list]:
        """The valid entries of the cache."""
        if self._cache is None:
            return {}
        try:
            kept = json.loads(self._cache.read_bytes())
        # Missing, not text, not JSON, or nested too deeply.
        except (OSError, ValueError, RecursionError):
            return {}
        items = kept.items() if isinstance(kept, dict) else ()
        return {name: entry for name, entry in items if _is_entry(entry)}

    def _save(self) -> None:
        """Add new entries to the cache; those of a process that writes at the same time may be lost and recomputed."""
        now = time.monotonic()
        if self._cache is None or not self._new or now - self._written < WRITE_S:
            return
        self._kept = {**self._kept, **self._load(), **self._new}
        there = {name: entry for name, entry in self._kept.items() if Path(name).exists()}
        # A full or read-only disk only means that the checksum is computed again.
        with suppress(OSError), publish(self._cache) as partial:
            partial.write_text(json.dumps(there, sort_keys=True))
        self._new, self._written = {}, time.monotonic()


def _state(descriptor: int) -> dict[str, int]:
    """Metadata of an open file that change whenever its content changes."""
    status = os.fstat(descriptor)
    return {
        "size": status.st_size,
        "mtime": status.st_mtime_ns,
        "ctime": status.st_ctime_ns,
        "inode": status.st_ino,
    }


def _is_racy(state: dict[str, int], now: float) -> bool:
    """Whether a file changed so recently, or its clock is so far ahead, that its times may miss the next change."""
    changed, modified = state["ctime"] / 1e9, state["mtime"] / 1e9
    return changed > now - RACY_S or abs(modified - now) < RACY_S


def _is_entry(entry: Any) -> bool:
    if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], dict)):
        return False
    return isinstance(entry[1], str) and len(entry[1]) == 64 and set(entry[1]) <= set("0123456789abcdef")


USERS = Checksums()
"""Checksums of user-supplied files in this process."""


def keep(cache: Path) -> None:
    """Share the checksums of this process with others through a cache file."""
    global USERS
    USERS = Checksums(cache)
