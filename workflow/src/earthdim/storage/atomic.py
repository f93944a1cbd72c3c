"""Files and folders appear under their names whole or not at all.

Whatever is to have a name is made beside its place, brought safely to the disk, and renamed. So a process may be
killed, the power may fail, or the disk be full, at any moment.
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
# What the system says where a full folder, or one where a file is to be or the other way round, stands in the way.
_IN_THE_WAY = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR}
# Each round another writer must have put something into the place that had just been cleared.
_ROUNDS = 100


def _always() -> None:
    """Nobody registered a guard: this process is no job of a workflow."""


_may_publish: Callable[[], None] = _always


def guard(check: Callable[[], None]) -> None:
    """Register what is called just before each result is put in its place; it raises where nothing may be published."""
    global _may_publish
    _may_publish = check


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Yield a name beside `path` that nobody else uses; what stands there in the end is removed.

    What killed processes left there for the same `path` is swept away first; a living writer's is let alone.
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
    """Yield a temporary sibling of `path`; put it in its place when the block ends without an error.

    Parameters
    ----------
    path : path
        A file or a folder; what stood there is replaced.
    stale : path, optional
        A file that describes what stood there: it goes first, so that it never stands beside what it does not describe.

    Raises
    ------
    Exception
        Whatever the registered `guard` raises where the process may publish no more.
    """
    path = Path(path)
    with beside(path) as partial:
        yield partial
        _to_disk(partial)
        _may_publish()
        if stale is not None:
            stale.unlink(missing_ok=True)
        _replace(partial, path)
        disk.sync_path(path.parent)


def sweep(path: Path) -> None:
    """Remove what killed processes left beside `path` when they were about to publish it."""
    beginning = f".{path.name}."
    for left in path.parent.glob(f"{glob.escape(beginning)}*{_SUFFIX}"):
        if processes.is_left_over(left.name.removeprefix(beginning).removesuffix(_SUFFIX), left):
            _remove(left)


def _replace(partial: Path, path: Path) -> None:
    """Rename `partial` to `path`; a folder that stands there is moved aside first, for nothing replaces a full one.

    A process killed between the two leaves no artefact, and never half of one. Of several writers the last one's stays.
    """
    for _ in range(_ROUNDS):
        if _is_renamed(partial, path):
            return
        with beside(path) as aside:
            # Another writer may just have moved it.
            with suppress(FileNotFoundError):
                os.replace(path, aside)
            if _is_renamed(partial, path):
                return
    raise FileExistsError(errno.EEXIST, "others put something here again and again", str(path))


def _is_renamed(partial: Path, path: Path) -> bool:
    try:
        os.replace(partial, path)
    except OSError as error:
        if error.errno not in _IN_THE_WAY:
            raise
        return False
    return True


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there; another process may be removing it too."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """Bring a file, or a folder with all that is in it, to the disk: a renamed file is else empty after a power cut."""
    if path.is_dir():
        for inside in path.iterdir():
            _to_disk(inside)
    disk.sync_path(path)
