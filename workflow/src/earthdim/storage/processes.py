"""Processes that write files: which of them live, and whose a file is."""

import itertools
import os
import re
import socket
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psutil import Process

# A left-over of another machine's process, of which nothing can be asked, counts as one after so long without a change.
_FORGOTTEN_S = 24 * 3600
_SIGNATURE = re.compile(r"(?P<host>\w+)-(?P<number>\d+)-(?P<started>\d+)-\d+$")
_count = itertools.count()


def lives(process: "Process") -> bool:
    """Whether a process runs, and is the one that it was when it was asked for."""
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@cache
def _this_process(number: int) -> str:
    import psutil

    return f"{_host()}-{number}-{int(psutil.Process(number).create_time())}"


def _host() -> str:
    return re.sub(r"\W", "_", socket.gethostname())


def signature() -> str:
    """A name for a temporary file that says who writes it, and is given once only."""
    return f"{_this_process(os.getpid())}-{next(_count)}"


def is_left_over(signed: str, path: Path, forgotten: float = _FORGOTTEN_S) -> bool:
    """Whether the process that signed a temporary file is gone.

    Parameters
    ----------
    signed : str
        What `signature` gave to its writer.
    path : path
        The file; of a process on another machine its age alone can tell.
    forgotten : float
        The age from which it does, s.
    """
    import psutil

    match = _SIGNATURE.search(signed)
    if match is None:
        return False
    if match["host"] != _host():
        try:
            return time.time() - path.stat().st_mtime > forgotten
        except FileNotFoundError:
            return False
    try:
        process = psutil.Process(int(match["number"]))
        # A clock that is set moves the start of a process by a little.
        return abs(process.create_time() - int(match["started"])) > 2 or not lives(process)
    except psutil.NoSuchProcess:
        return True


def is_signed_by(signed: str, number: int) -> bool:
    """Whether a process of this machine, given by its number, signed a temporary file."""
    match = _SIGNATURE.search(signed)
    return match is not None and match["host"] == _host() and int(match["number"]) == number
