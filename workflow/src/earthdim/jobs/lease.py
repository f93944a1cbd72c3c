"""The lease of a job: its permission to publish, valid while its run is active and its Snakemake process is alive.

An orphan, a job whose Snakemake was killed, may still be running when the user repeats the command, possibly with
another configuration, so it must not publish anything. `check` is called immediately before each result is renamed to
its final name. It verifies that the run is active (see `runs`) and that the Snakemake process is alive. A thread
repeats this check and ends the job if it fails.

Two jobs of the same output within one run, such as a job that a scheduler requeued while the first one still ran,
write under different temporary names and produce the same bytes, so either may publish.

Between the check and the rename there are a few system calls. A job that is stopped exactly there and resumed after
another run has published the same file replaces it; ``verify`` reports such a file if its config differs.
"""

import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from earthdim.jobs import runs
from earthdim.jobs.runs import OrphanError
from earthdim.storage import atomic, processes

if TYPE_CHECKING:
    from psutil import Process

_GRACE_S = 5
"""Time between SIGTERM and the forced exit of an orphan, in seconds: compiled code handles no signal."""

_POLL_S = 0.5
"""Interval between checks of the Snakemake process, in seconds."""

_snakemake: "Process | None" = None


def take(log: Path) -> None:
    """Start a job: create its log and register `check` as the guard of all its results.

    Parameters
    ----------
    log : path
        The log file. An existing one is replaced; an orphan that still has it open writes to the old file.

    Raises
    ------
    OrphanError
        If the Snakemake process that started the job has ended, or the run is over.
    """
    global _snakemake
    _snakemake = _nearest_snakemake()
    check()
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    log.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
    atomic.guard(check)


def watch(report: Callable[[str], object]) -> None:
    """Start the thread that ends an orphan, and handle SIGTERM and SIGHUP so that unfinished files are removed.

    Parameters
    ----------
    report : callable
        Receives the reason as text.
    """
    signal.signal(signal.SIGTERM, _exit)
    # nohup sets SIGHUP to be ignored.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, _exit)
    if _snakemake is not None:
        threading.Thread(target=_end_orphan, args=(report,), daemon=True).start()


def check() -> None:
    """Check that this process may publish. Processes that are not Snakemake jobs always may.

    Raises
    ------
    OrphanError
        If its Snakemake process has ended or its run is over.
    """
    _check_snakemake()
    try:
        runs.check()
    except OrphanError:
        # A Snakemake within a cluster job would react to the failure by removing outputs and starting further jobs.
        if _snakemake is not None and os.environ.get(runs.NESTED):
            os.kill(_snakemake.pid, signal.SIGKILL)
        raise


def _check_snakemake() -> None:
    if _snakemake is not None and not processes.lives(_snakemake):
        raise OrphanError(
            "the Snakemake process that started this job has ended; no further results are published"
        )


def _nearest_snakemake() -> "Process | None":
    """The Snakemake process that started this job; None outside Snakemake."""
    number = os.environ.get(runs.SNAKEMAKE)
    if number is None:
        return None
    import psutil

    # Search the ancestors: the ID of a dead process may have been reused, and a shell may be the direct parent.
    for parent in psutil.Process().parents():
        if parent.pid == int(number):
            return parent
    raise OrphanError("the Snakemake process that started this job has ended; the job does not start")


def _exit(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def _end_orphan(report: Callable[[str], object]) -> None:
    polls_per_file_check = round(runs.POLL_S / _POLL_S)
    for poll in itertools.count(1):
        time.sleep(_POLL_S)
        try:
            _check_snakemake() if poll % polls_per_file_check else check()
        except OrphanError as error:
            report(f"this job stops: {error}")
            break
        except OSError:
            # The file system is temporarily unavailable; `check` runs again before a result is published.
            continue
    # Sent to the main thread, which wakes from any system call and removes unfinished files.
    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)
