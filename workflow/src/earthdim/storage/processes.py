"""Identity of processes that write files: which process wrote a temporary file, and whether it still runs."""

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

_ABANDONED_S = 24 * 3600
"""Age in seconds from which a temporary file of another machine counts as left over: its process cannot be queried."""

_SIGNATURE = re.compile(r"(?P<host>\w+)-(?P<number>\d+)-(?P<started>\d+)-\d+$")
_count = itertools.count()


def lives(process: "Process") -> bool:
    """Whether a process still exists, running or stopped, and its ID has not been reused."""
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
    """A unique suffix for file names: host, process ID and start time of this process, and a counter."""
    return f"{_this_process(os.getpid())}-{next(_count)}"


def signer(signed: str) -> int:
    """The process ID in a `signature`."""
    return int(_SIGNATURE.search(signed)["number"])


def signer_lives(signed: str) -> bool | None:
    """Whether the process of a `signature` lives; None if it is on another machine, or the text has no signature."""
    import psutil

    match = _SIGNATURE.search(signed)
    if match is None or match["host"] != _host():
        return None
    try:
        process = psutil.Process(int(match["number"]))
        # Setting the clock shifts the reported start of a process a little.
        return abs(process.create_time() - int(match["started"])) <= 2 and lives(process)
    except psutil.NoSuchProcess:
        return False


def is_left_over(signed: str, path: Path) -> bool:
    """Whether a temporary file was left behind by a process that has ended.

    Parameters
    ----------
    signed : str
        Text that ends in the `signature` of the writer.
    path : path
        The file. If its writer ran on another machine, the file's age decides (24 h).
    """
    if _SIGNATURE.search(signed) is None:
        return False
    alive = signer_lives(signed)
    if alive is not None:
        return not alive
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED_S
    except FileNotFoundError:
        return False
