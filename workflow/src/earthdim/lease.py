"""Whether a job may still publish: the run it belongs to goes on, and no later job has taken its place.

A Snakemake that is killed leaves its jobs behind. Such an orphan may go on while the same command runs again, or while
the config has changed, so it must publish nothing. Three things tell, and all are asked just before a result is put in
its place. The file of the run, which the user's Snakemake makes when it begins and whose path its jobs are told through
the environment, must be there: it goes when that Snakemake ends, when another finds that it is gone, and with
``--unlock``. The process of the nearest Snakemake must be an ancestor of the job. And the log, one job's alone, must
begin with the mark that the job wrote: whoever begins later writes another. Files are on the file system that all
machines of a cluster share, so this holds for an orphan on another machine too. A thread looks at the same things and
stops the job when one fails. On a cluster the nearest Snakemake is one on the job's machine, which may outlive the
user's and would then begin further jobs and remove outputs of failed ones: it ends with the run.

Between the asking and the renaming lies the time of a few calls to the system. A job that stops just there, wakes after
another has published the same and then renames, would be neither refused nor, if it had another config, noticed other
than by `verify`, which compares the file with the later job's record.
"""

import itertools
import math
import os
import re
import signal
import socket
import sys
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

RUN = "EARTHDIM_RUN"
"""Environment variable with the path of the run's file; empty where there is none."""

_GRACE_S = 5
"""How long an orphan may take to end by itself before it is ended: compiled code looks at no signal."""

# Files are asked more rarely than processes: on a cluster they are on a disk that many share.
_LOOK_S = 0.5
_LOOKS_A_FILE = 10

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

    def check_snakemake(self) -> None:
        """Ask whether the nearest Snakemake lives.

        Raises
        ------
        LeaseLostError
            If it does not.
        """
        if self.snakemake is not None and not _runs(self.snakemake):
            raise LeaseLostError("the Snakemake that started this job is gone; nothing more is published")

    def check(self) -> None:
        """Ask whether the job may still publish; see the module.

        Raises
        ------
        LeaseLostError
            If it may not.
        """
        self.check_snakemake()
        try:
            check_run()
        except LeaseLostError:
            self._end_snakemake()
            raise
        try:
            with self.log.open(encoding="utf-8", errors="replace") as file:
                first = file.readline()
        except FileNotFoundError:
            first = ""
        if self.mark not in first:
            raise LeaseLostError(
                f"{self.log} is another job's by now, or was taken away; nothing more is published"
            )

    def _end_snakemake(self) -> None:
        """End the nearest Snakemake if it is not the user's: of a job that failed it would remove what is another's."""
        own = _WRITER.search(Path(os.environ[RUN]).name)
        if self.snakemake is not None and (own is None or int(own["number"]) != self.snakemake.pid):
            os.kill(self.snakemake.pid, signal.SIGKILL)


_held: Lease | None = None


def announce() -> None:
    """Tell the jobs that this process starts who their Snakemake is; the run stays the one that it was told itself."""
    os.environ[VARIABLE] = str(os.getpid())
    os.environ.setdefault(RUN, "")


def announce_run(state: Path | None) -> None:
    """As `announce`, for the Snakemake that the user started: its run is a new one, which `begin_run` begins.

    Parameters
    ----------
    state : path or None
        The folder of Snakemake's state; None if no run will be begun.
    """
    os.environ[RUN] = "" if state is None else str(Path(state, "earthdim", signature()).absolute())
    announce()


def end_with_run() -> None:
    """Let this process, a Snakemake within a job, end when its run is over, with all that it has begun."""
    threading.Thread(target=_end_with_run, daemon=True).start()


def _end_with_run() -> None:
    while True:
        try:
            check_run()
        except LeaseLostError as lost:
            print(f"this Snakemake ends: {lost}", file=sys.stderr, flush=True)
            # At once: to end tidily is to remove outputs, which may be another run's by now.
            os._exit(1)
        except OSError:
            pass  # A disk that does not answer now.
        time.sleep(_LOOK_S * _LOOKS_A_FILE)


def begin_run() -> None:
    """Make the run known on the disk, and end those whose Snakemake was killed on this machine."""
    file = Path(os.environ[RUN])
    file.parent.mkdir(parents=True, exist_ok=True)
    for other in file.parent.iterdir():
        if is_left_over(other.name, other, forgotten=math.inf):
            other.unlink(missing_ok=True)
    with file.open("x") as made:
        os.fsync(made.fileno())


def end_run() -> None:
    """Say that the run is over: none of its jobs may publish any more."""
    if os.environ.get(RUN):
        Path(os.environ[RUN]).unlink(missing_ok=True)


def end_all_runs(state: Path) -> None:
    """Say that no run goes on here, wherever it was started, as ``--unlock`` means.

    Parameters
    ----------
    state : path
        The folder of Snakemake's state.
    """
    for file in Path(state, "earthdim").glob("*"):
        file.unlink(missing_ok=True)


def check_run() -> None:
    """Ask whether the run goes on that this process was started for.

    Raises
    ------
    LeaseLostError
        If it does not.
    """
    path = os.environ.get(RUN)
    try:
        # To open asks a network file system anew, which else answers from memory.
        if path:
            Path(path).open().close()
    except FileNotFoundError:
        raise LeaseLostError("the run that this job belongs to is over; nothing more is published") from None


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
        If the Snakemake that started the job is gone already, or the run is over.
    """
    global _held
    snakemake = _snakemake()
    check_run()
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
    """End this job when it may no longer publish, so that no orphan computes for nobody; and tidily on signals.

    Parameters
    ----------
    say : callable
        Takes the last words.
    """
    signal.signal(signal.SIGTERM, _stop)
    # Under nohup a terminal that closes is to be nothing to a job.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, _stop)
    if _held is not None and _held.snakemake is not None:
        threading.Thread(target=_end_with, args=(_held, say), daemon=True).start()


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


def _end_with(held: Lease, say: Callable[[str], object]) -> None:
    for look in itertools.count(1):
        time.sleep(_LOOK_S)
        try:
            held.check_snakemake() if look % _LOOKS_A_FILE else held.check()
        except LeaseLostError as lost:
            say(f"this job stops: {lost}")
            break
        except OSError:
            # A disk that does not answer now; before a result is published it is asked again.
            continue
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

    match = _WRITER.search(signed)
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
        return abs(process.create_time() - int(match["started"])) > 2 or not _runs(process)
    except psutil.NoSuchProcess:
        return True
