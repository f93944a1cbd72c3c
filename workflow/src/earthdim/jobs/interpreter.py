"""A path of the Python interpreter that needs no quoting in a shell command.

Snakemake writes `sys.executable` into the commands of jobs without quotes, so in a checkout below "My Drive" no job
would start. In such a case Python is called through a symbolic link in a folder with a plain name.
"""

import hashlib
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# Characters that need no quoting in a shell; letters of all languages.
_PLAIN = re.compile(r"[\w@%+=:,./-]+")


class NoPlaceError(RuntimeError):
    """No folder is suitable for the link."""


def plain(executable: str = sys.executable) -> str:
    """Return a path of a Python interpreter without characters that a shell interprets.

    Parameters
    ----------
    executable : str
        The absolute path of the interpreter.

    Returns
    -------
    str
        The path itself if it is plain; otherwise a path through a link to the interpreter's environment.

    Raises
    ------
    NoPlaceError
        If no folder is suitable for the link.
    """
    if _PLAIN.fullmatch(executable):
        return executable
    program = Path(executable)
    environment = str(program.parent.parent)
    name = hashlib.sha256(os.fsencode(environment)).hexdigest()[:16]
    for folder in _folders():
        # Another user's folder, a full disk, or a file system without links: try the next folder.
        with suppress(OSError):
            return str(Path(_linked(folder, name, environment), program.parent.name, program.name))
    raise NoPlaceError(
        f"{executable!r}: the path of Python has characters that a shell interprets, and no link to it could be made; "
        "set XDG_CACHE_HOME to a writable folder without blanks and quotes in its path"
    )


def _folders() -> Iterator[Path]:
    """Candidate folders for the link: first the home folder, which all machines of a cluster share."""
    home = Path("~").expanduser()
    with suppress(FileNotFoundError):
        temporary = Path(tempfile.gettempdir(), f"earthdim-{os.getuid()}")
        cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "earthdim"
        for folder in (cache, temporary):
            if folder.is_absolute() and _PLAIN.fullmatch(str(folder)):
                yield folder


def _linked(folder: Path, name: str, environment: str) -> Path:
    """Make a link to an environment, unless it exists, in a folder that only this user may write to."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(f"{folder} belongs to another user, or others may write to it")
    link = folder / name
    if not link.is_symlink() or os.readlink(link) != environment:
        # Two Snakemake processes may start at the same time.
        made = folder / f".{name}.{os.getpid()}"
        made.unlink(missing_ok=True)
        made.symlink_to(environment)
        made.replace(link)
    return link
