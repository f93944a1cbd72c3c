"""Whether a job may still publish: its run goes on, its Snakemake lives, and no later job has taken its place.

An orphan, a job whose Snakemake was killed, may go on while the same command runs again, or while the config has
changed, so it must publish nothing. Three things tell, and all are asked just before a result is put in its place. The
run must go on (`runs`). The process of the nearest Snakemake must be an ancestor of the job. And the log, one
job's alone, must begin with the mark that the job wrote: whoever begins later writes another. A thread looks at the
same things and stops the job when one fails.

Between the asking and the renaming lies the time of a few calls to the system. A job that stops just there, wakes after
another has published the same and then renames, would be neither refused nor, if it had another config, noticed other
than by `verify`, which compares the file with the later job's record.
"""

import itertools
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from earthdim.jobs import runs
from earthdim.jobs.runs import OrphanError
from earthdim.storage import atomic, disk, processes

if TYPE_CHECKING:
    from psutil import Process

_GRACE_S = 5
"""How long an orphan may take to end by itself before it is ended: compiled code looks at no signal."""

_LOOK_S = 0.5

_PATIENCE_S = 60
"""How long a job of a run that is over waits for its Snakemake to end."""


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
        OrphanError
            If it does not.
        """
        if self.snakemake is not None and not processes.lives(self.snakemake):
            raise OrphanError("the Snakemake that started this job is gone; nothing more is published")

    def check(self) -> None:
        """Ask whether the job may still publish; see the module.

        Raises
        ------
        OrphanError
            If it may not.
        """
        self.check_snakemake()
        _check_run(self.snakemake)
        try:
            with self.log.open(encoding="utf-8", errors="replace") as file:
                first = file.readline()
        except FileNotFoundError:
            first = ""
        if self.mark not in first:
            _kill_within_job(self.snakemake)
            raise OrphanError(
                f"{self.log} is another job's by now, or was taken away; nothing more is published"
            )


_held: Lease | None = None


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
    OrphanError
        If the Snakemake that started the job is gone already, or the run is over.
    """
    global _held
    snakemake = _snakemake()
    _check_run(snakemake)
    mark = f"job {uuid.uuid4().hex[:12]}, process {os.getpid()} of {socket.gethostname()}"
    log.parent.mkdir(parents=True, exist_ok=True)
    # A new file: what an orphan still has to say goes to the old one, which has no name any more.
    log.unlink(missing_ok=True)
    with log.open("x", encoding="utf-8") as file:
        file.write(f"{mark}\n")
        file.flush()
        disk.sync(file.fileno())
    _held = Lease(log, mark, snakemake)
    atomic.guard(check)
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
    OrphanError
        If it may not.
    """
    if _held is not None:
        _held.check()


def _snakemake() -> "Process | None":
    """The Snakemake that started this job, or None where there is none to be asked about."""
    number = os.environ.get(runs.SNAKEMAKE)
    if number is None:
        return None
    import psutil

    # An ancestor, not just a process of that number: numbers are given again.
    for parent in psutil.Process().parents():
        if parent.pid == int(number):
            return parent
    raise OrphanError("the Snakemake that started this job is gone; the job does not begin")


def _check_run(snakemake: "Process | None") -> None:
    """Ask whether the run goes on; if not, the job fails after its Snakemake only, which would remove its outputs."""
    try:
        runs.check()
    except OrphanError:
        _kill_within_job(snakemake)
        _wait_for_end(snakemake)
        raise


def _kill_within_job(snakemake: "Process | None") -> None:
    """End a Snakemake that is not the user's: of a job that failed it would remove outputs, by now another job's."""
    if snakemake is not None and not runs.is_users(snakemake.pid):
        os.kill(snakemake.pid, signal.SIGKILL)


def _wait_for_end(snakemake: "Process | None") -> None:
    """Let the user's own Snakemake, which follows its run too, end before a job of it fails."""
    if snakemake is not None:
        import psutil

        with suppress(psutil.TimeoutExpired):
            snakemake.wait(_PATIENCE_S)


def _stop(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def _end_with(held: Lease, say: Callable[[str], object]) -> None:
    looks_a_file = round(runs.LOOK_S / _LOOK_S)
    for look in itertools.count(1):
        time.sleep(_LOOK_S)
        try:
            held.check_snakemake() if look % looks_a_file else held.check()
        except OrphanError as lost:
            say(f"this job stops: {lost}")
            break
        except OSError:
            # A disk that does not answer now; before a result is published it is asked again.
            continue
    # To the main thread, so that it wakes whatever it waits for. What is half-written then goes away.
    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)
