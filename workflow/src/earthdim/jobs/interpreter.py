"""A path of Python that stands in a command of a shell as it is.

Snakemake writes `sys.executable` into the commands of jobs without quotes, so in a checkout below "My Drive" no job
would begin. There Python is reached through a link in a folder whose name is plain.
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

# What a shell takes literally; letters are those of all languages.
_PLAIN = re.compile(r"[\w@%+=:,./-]+")


class NoPlaceError(RuntimeError):
    """There is no folder in which the link could stand."""


def plain(executable: str = sys.executable) -> str:
    """Return a path of a Python without anything that a shell would take apart.

    Parameters
    ----------
    executable : str
        The path of the Python, absolute.

    Returns
    -------
    str
        The path itself if it is plain; else one through a link to the folder above Python's, an environment.

    Raises
    ------
    NoPlaceError
        If there is no folder for the link.
    """
    if _PLAIN.fullmatch(executable):
        return executable
    program = Path(executable)
    environment = str(program.parent.parent)
    name = hashlib.sha256(os.fsencode(environment)).hexdigest()[:16]
    for folder in _folders():
        # A folder of another's, on a full disk, or of a file system without links: the next one.
        with suppress(OSError):
            return str(Path(_linked(folder, name, environment), program.parent.name, program.name))
    raise NoPlaceError(
        f"Python stands at {executable!r}, which a shell takes apart, and in no folder a link to it could be made: "
        "let XDG_CACHE_HOME name a folder that can be written and has neither blanks nor quotes in its name"
    )


def _folders() -> Iterator[Path]:
    """Where the link may stand: at home first, which all machines of a cluster see."""
    home = Path("~").expanduser()
    with suppress(FileNotFoundError):
        temporary = Path(tempfile.gettempdir(), f"earthdim-{os.getuid()}")
        cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "earthdim"
        for folder in (cache, temporary):
            if folder.is_absolute() and _PLAIN.fullmatch(str(folder)):
                yield folder


def _linked(folder: Path, name: str, environment: str) -> Path:
    """Make a link to an environment in a folder that nobody else may write to, unless it is there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(f"{folder} is another user's, or others may write to it")
    link = folder / name
    if not link.is_symlink() or os.readlink(link) != environment:
        # Two Snakemakes may begin at once.
        made = folder / f".{name}.{os.getpid()}"
        made.unlink(missing_ok=True)
        made.symlink_to(environment)
        made.replace(link)
    return link
