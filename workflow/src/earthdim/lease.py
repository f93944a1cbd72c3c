"""Whether a job may still publish: the Snakemake that started it lives, and no later job has taken its place.

A Snakemake that is killed leaves its jobs behind. Such an orphan may go on while the same command runs again, or while
the config has changed, so it must publish nothing. Two things tell, and both are asked just before a result is put in
its place. The process of the nearest Snakemake, told through the environment, must be an ancestor of the job; a thread
watches it and stops the job when it goes. And the log, which is one job's alone, must begin with the mark that the
job wrote: whoever begins later writes another. The log is on the file system that all machines of a cluster share, so
this holds for an orphan on another machine too.
"""

import itertools
import os
import re
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psutil import Process

VARIABLE = "EARTHDIM_SNAKEMAKE"
"""Environment variable with the process number of the Snakemake that starts the jobs."""

_GRACE_S = 5
"""How long an orphan may take to end by itself before it is ended: compiled code looks at no signal."""

# A left-over of another machine's process, of which nothing can be asked, counts as one after so long without a change.
_FORGOTTEN_S = 24 * 3600
_WRITER = re.compile(r"(?P<host>\w+)-(?P<number>\d+)-(?P<started>\d+)-\d+$")
_count = itertools.count()


class LeaseLostError(RuntimeError):
    """The job must publish nothing more: its Snakemake is gone, or another job has begun in its place."""


@dataclass(frozen=True)
class Lease:
    """What a job holds from its beginning to its end."""

    log: Path
    mark: str
    snakemake: "Process | None"

    def check(self) -> None:
        """Ask whether the job may still publish; see the module.

        Raises
        ------
        LeaseLostError
            If it may not.
        """
        if self.snakemake is not None and not _runs(self.snakemake):
            raise LeaseLostError("the Snakemake that started this job is gone; nothing more is published")
        try:
            with self.log.open(encoding="utf-8", errors="replace") as file:
                first = file.readline()
        except FileNotFoundError:
            first = ""
        if self.mark not in first:
            raise LeaseLostError(
                f"{self.log} is another job's by now, or was taken away; nothing more is published"
            )


_held: Lease | None = None


def announce() -> None:
    """Tell the jobs that this process starts who their Snakemake is."""
    os.environ[VARIABLE] = str(os.getpid())


def take(log: Path) -> str:
    """Begin a job: from now on `check` looks at its Snakemake and at its log.

    Parameters
    ----------
    log : path
        The log file, which is begun anew; no other job may have the same.

    Returns
    -------
    str
        The mark, as it stands in the first line of the log.

    Raises
    ------
    LeaseLostError
        If the Snakemake that started the job is gone already.
    """
    global _held
    snakemake = _snakemake()
    mark = f"job {uuid.uuid4().hex[:12]}, process {os.getpid()} of {socket.gethostname()}"
    log.parent.mkdir(parents=True, exist_ok=True)
    # A new file: what an orphan still has to say goes to the old one, which has no name any more.
    log.unlink(missing_ok=True)
    with log.open("x", encoding="utf-8") as file:
        file.write(f"{mark}\n")
        file.flush()
        os.fsync(file.fileno())
    _held = Lease(log, mark, snakemake)
    return mark


def watch(say: Callable[[str], object]) -> None:
    """End this job when its Snakemake goes, so that an orphan does not compute for nobody; and tidily on SIGTERM.

    Parameters
    ----------
    say : callable
        Takes the last words.
    """
    signal.signal(signal.SIGTERM, _stop)
    if _held is not None and _held.snakemake is not None:
        threading.Thread(target=_end_with, args=(_held.snakemake, say), daemon=True).start()


def check() -> None:
    """Ask whether this process may still publish; one that is no job of Snakemake's always may.

    Raises
    ------
    LeaseLostError
        If it may not.
    """
    if _held is not None:
        _held.check()


def _snakemake() -> "Process | None":
    """The Snakemake that started this job, or None where there is none to be asked about."""
    number = os.environ.get(VARIABLE)
    if number is None:
        return None
    import psutil

    # An ancestor, not just a process of that number: numbers are given again.
    for parent in psutil.Process().parents():
        if parent.pid == int(number):
            return parent
    raise LeaseLostError("the Snakemake that started this job is gone; the job does not begin")


def _runs(process: "Process") -> bool:
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _stop(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def _end_with(snakemake: "Process", say: Callable[[str], object]) -> None:
    snakemake.wait()
    say("Snakemake is gone: this job stops and publishes nothing more")
    # To the main thread, so that it wakes whatever it waits for. What is half-written then goes away.
    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)


@cache
def _this_process(number: int) -> str:
    import psutil

    return f"{_host()}-{number}-{int(psutil.Process(number).create_time())}"


def _host() -> str:
    return re.sub(r"\W", "_", socket.gethostname())


def signature() -> str:
    """A name for a temporary file that says who writes it, and is given once only."""
    return f"{_this_process(os.getpid())}-{next(_count)}"


def is_left_over(signed: str, path: Path) -> bool:
    """Whether the process that signed a temporary file is gone.

    Parameters
    ----------
    signed : str
        What `signature` gave to its writer.
    path : path
        The file; on another machine its age alone can tell.
    """
    import psutil

    match = _WRITER.search(signed)
    if match is None:
        return False
    if match["host"] != _host():
        try:
            return time.time() - path.stat().st_mtime > _FORGOTTEN_S
        except FileNotFoundError:
            return False
    try:
        process = psutil.Process(int(match["number"]))
        # A clock that is set moves the start of a process by a little.
        return abs(process.create_time() - int(match["started"])) > 2 or not _runs(process)
    except psutil.NoSuchProcess:
        return True
