"""The run that a job belongs to: one user command, from its start to its end.

A Snakemake that is killed leaves its jobs behind. Each run therefore has a file in ``.snakemake/earthdim``: the
Snakemake that the user started creates it and passes its path to the jobs in an environment variable. The file is
removed when that Snakemake ends, when a later run finds that its process has ended, and by ``--unlock``. Once it is
removed, no process of that run may publish or remove results. All machines of a cluster see the file, so this also
stops orphans on other machines, and jobs that a scheduler starts after the end of their run.

``--unlock`` fails while a Snakemake of the same machine still runs in the directory, for example one that was stopped
by Ctrl-Z: it would later start further jobs and remove the outputs of failed ones.

On a cluster, a second Snakemake runs within each submitted job. It polls the file and exits immediately, without
cleanup, when the file has been removed: a regular exit would remove outputs that may belong to a newer run.
"""

import os
import sys
import threading
import time
from pathlib import Path

from earthdim.storage import disk, processes

STATE = Path(".snakemake")
"""Snakemake's state folder, relative to the working directory."""

SNAKEMAKE = "EARTHDIM_SNAKEMAKE"
"""Environment variable: process ID of the Snakemake that starts the jobs."""

NESTED = "EARTHDIM_NESTED"
"""Environment variable: set where that Snakemake itself runs within a cluster job."""

FILE = "EARTHDIM_RUN"
"""Environment variable: path of the run's file; empty without one."""

POLL_S = 5
"""Interval between checks of the file, which may be on a shared network file system, in seconds."""


class OrphanError(RuntimeError):
    """Its run or its Snakemake has ended, so the process must not publish."""


class RunningError(RuntimeError):
    """The directory cannot be unlocked: a Snakemake still runs in it."""


def start(state: Path | None) -> None:
    """Define the run of the Snakemake that the user started; `begin` creates its file.

    Parameters
    ----------
    state : path or None
        Snakemake's state folder; None if no file will be created.
    """
    os.environ[FILE] = "" if state is None else str(Path(state, "earthdim", processes.signature()).absolute())
    os.environ[SNAKEMAKE] = str(os.getpid())
    os.environ.pop(NESTED, None)


def join() -> None:
    """Join the run of the environment, for a Snakemake within a cluster job; it exits when the run is over.

    Raises
    ------
    OrphanError
        If the run is over already.
    """
    os.environ[SNAKEMAKE] = str(os.getpid())
    os.environ[NESTED] = "1"
    os.environ.setdefault(FILE, "")
    check()
    threading.Thread(target=_exit_with_run, daemon=True).start()


def _exit_with_run() -> None:
    while True:
        time.sleep(POLL_S)
        try:
            check()
        except OrphanError as error:
            print(f"this Snakemake exits: {error}", file=sys.stderr, flush=True)
            # A regular exit would remove outputs, which may belong to a newer run.
            os._exit(1)
        except OSError:
            pass  # The file system is temporarily unavailable.


def begin() -> None:
    """Create the run's file, and remove those of runs on this machine whose Snakemake has ended."""
    file = Path(os.environ[FILE])
    file.parent.mkdir(parents=True, exist_ok=True)
    for other in file.parent.iterdir():
        if processes.signer_lives(other.name) is False:
            other.unlink(missing_ok=True)
    with file.open("x") as created:
        disk.sync(created.fileno())


def end() -> None:
    """Remove the run's file: its remaining jobs may not publish."""
    if os.environ.get(FILE):
        Path(os.environ[FILE]).unlink(missing_ok=True)


def end_all(state: Path) -> None:
    """Remove the files of all runs, as part of ``--unlock``.

    Parameters
    ----------
    state : path
        Snakemake's state folder.

    Raises
    ------
    RunningError
        If a Snakemake of this machine still runs, or is stopped, in the directory. Nothing is removed then.
    """
    files = list(Path(state, "earthdim").glob("*"))
    for file in files:
        if processes.signer_lives(file.name):
            raise RunningError(
                f"{file}: the Snakemake process {processes.signer(file.name)} still runs or is stopped (Ctrl-Z) in "
                "this directory; wait for it or kill it, then unlock"
            )
    for file in files:
        file.unlink(missing_ok=True)


def check() -> None:
    """Check that the run of this process is not over.

    Raises
    ------
    OrphanError
        If it is over.
    """
    path = os.environ.get(FILE)
    try:
        # A network file system answers `exists` from its cache, but not `open`.
        if path:
            Path(path).open().close()
    except FileNotFoundError:
        raise OrphanError("the run of this job is over; no further results are published") from None
