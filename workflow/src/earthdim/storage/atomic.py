"""Atomic writes of files and folders.

A file or folder is written under a temporary name in the same folder, synced to disk, and renamed. A killed process, a
power failure or a full disk therefore never leaves an incomplete result under its final name.
"""

import errno
import glob
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from earthdim.storage import disk, processes

_SUFFIX = ".partial"
# Errors of a rename onto a folder that is not empty, or between a file and a folder.
_IN_THE_WAY = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR}
# A further round is needed only if another writer has just published under the same name.
_ROUNDS = 100


def _always() -> None:
    """The default guard, for processes that are not jobs of a workflow."""


_may_publish: Callable[[], None] = _always


def guard(check: Callable[[], None]) -> None:
    """Register a function that is called before each result is renamed. It raises if the process may not publish."""
    global _may_publish
    _may_publish = check


@contextmanager
def temporary_name(path: Path) -> Iterator[Path]:
    """Yield a temporary name in the folder of `path`; a file or folder of that name is removed at the end.

    Temporary files that killed processes left for the same `path` are removed first; those of running ones are kept.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    name = path.with_name(f".{path.name}.{processes.signature()}{_SUFFIX}")
    try:
        yield name
    finally:
        _remove(name)


@contextmanager
def publish(path: Path, stale: Path | None = None) -> Iterator[Path]:
    """Yield a temporary name next to `path`, and rename it to `path` when the block ends without an error.

    Parameters
    ----------
    path : path
        A file or a folder; an existing one is replaced.
    stale : path, optional
        A file that describes the old content of `path`; it is removed first, so that it never describes new content.

    Raises
    ------
    Exception
        The exception of the registered `guard`, if the process may not publish.
    """
    path = Path(path)
    with temporary_name(path) as partial:
        yield partial
        _to_disk(partial)
        _may_publish()
        if stale is not None:
            stale.unlink(missing_ok=True)
        _replace(partial, path)
        disk.sync_path(path.parent)


def sweep(path: Path) -> None:
    """Remove temporary files that killed processes left while publishing `path`."""
    beginning = f".{path.name}."
    for left in path.parent.glob(f"{glob.escape(beginning)}*{_SUFFIX}"):
        if processes.is_left_over(left.name.removeprefix(beginning).removesuffix(_SUFFIX), left):
            _remove(left)


def _replace(partial: Path, path: Path) -> None:
    """Rename `partial` to `path`. An existing folder is moved away first, since a rename cannot replace a full folder.

    A process killed between the two steps leaves no artefact, and never an incomplete one. The last of several writers
    wins.
    """
    for _ in range(_ROUNDS):
        if _is_renamed(partial, path):
            return
        with temporary_name(path) as aside:
            # Another writer may have moved it already.
            with suppress(FileNotFoundError):
                os.replace(path, aside)
            if _is_renamed(partial, path):
                return
    raise FileExistsError(errno.EEXIST, "other processes keep writing to this path", str(path))


def _is_renamed(partial: Path, path: Path) -> bool:
    try:
        os.replace(partial, path)
    except OSError as error:
        if error.errno not in _IN_THE_WAY:
            raise
        return False
    return True


def _remove(path: Path) -> None:
    """Remove a file or a folder if it exists; another process may be removing it at the same time."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """Sync a file, or a folder with its content; otherwise a renamed file may be empty after a power failure."""
    if path.is_dir():
        for inside in path.iterdir():
            _to_disk(inside)
    disk.sync_path(path)
