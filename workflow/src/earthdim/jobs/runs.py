"""The run that jobs belong to: from a user's command to its end, however it ends.

A Snakemake that is killed leaves its jobs behind; so each run has a file in the folder of Snakemake's state. The
Snakemake that the user started makes it when it begins, and tells its jobs the path through the environment. The file
goes when that Snakemake ends, when another finds that it is gone, and with ``--unlock``: then the run is over, and what
still belongs to it must neither publish nor remove anything. The file is where all machines of a cluster see it, so
this holds for an orphan on another machine too. A Snakemake that still lives when its file is taken away, as one that
was stopped by Ctrl-Z and woken after ``--unlock``, or one within a job of a cluster, would begin further jobs and
remove outputs of failed ones: it ends at once.
"""

import math
import os
import sys
import threading
from pathlib import Path

from earthdim.storage import disk, processes

STATE = Path(".snakemake")
"""Where Snakemake keeps its state, below the working directory."""

SNAKEMAKE = "EARTHDIM_SNAKEMAKE"
"""Environment variable with the process number of the Snakemake that starts the jobs."""

FILE = "EARTHDIM_RUN"
"""Environment variable with the path of the run's file; empty where there is none."""

# Files are asked more rarely than processes: on a cluster they are on a disk that many share.
LOOK_S = 5


# Whether this process ended its run itself.
_ended = threading.Event()


class OrphanError(RuntimeError):
    """The process must publish nothing more: its run is over, or another has begun in its place."""


def announce() -> None:
    """Tell the jobs that this process starts who their Snakemake is; the run stays the one that it was told itself."""
    os.environ[SNAKEMAKE] = str(os.getpid())
    os.environ.setdefault(FILE, "")


def announce_new(state: Path | None) -> None:
    """As `announce`, for the Snakemake that the user started: its run is a new one, which `begin` begins.

    Parameters
    ----------
    state : path or None
        The folder of Snakemake's state; None if no run will be begun.
    """
    os.environ[FILE] = "" if state is None else str(Path(state, "earthdim", processes.signature()).absolute())
    announce()


def follow() -> None:
    """Let this Snakemake end when another process says that its run is over, with all that it has begun."""
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    while not _ended.wait(LOOK_S):
        try:
            check()
        except OrphanError as lost:
            # The user's own may have ended the run just now.
            if _ended.is_set():
                return
            print(f"this Snakemake ends: {lost}", file=sys.stderr, flush=True)
            # At once: to end tidily is to remove outputs, which may be another run's by now.
            os._exit(1)
        except OSError:
            pass  # A disk that does not answer now.


def begin() -> None:
    """Make the run known on the disk, and end those whose Snakemake was killed on this machine."""
    file = Path(os.environ[FILE])
    file.parent.mkdir(parents=True, exist_ok=True)
    for other in file.parent.iterdir():
        if processes.is_left_over(other.name, other, forgotten=math.inf):
            other.unlink(missing_ok=True)
    with file.open("x") as made:
        disk.sync(made.fileno())


def end() -> None:
    """Say that the run is over: none of its jobs may publish any more."""
    _ended.set()
    if os.environ.get(FILE):
        Path(os.environ[FILE]).unlink(missing_ok=True)


def end_all(state: Path) -> None:
    """Say that no run goes on here, wherever it was started, as ``--unlock`` means.

    Parameters
    ----------
    state : path
        The folder of Snakemake's state.
    """
    for file in Path(state, "earthdim").glob("*"):
        file.unlink(missing_ok=True)


def check() -> None:
    """Ask whether the run goes on that this process was started for.

    Raises
    ------
    OrphanError
        If it does not.
    """
    path = os.environ.get(FILE)
    try:
        # To open asks a network file system anew, which else answers from memory.
        if path:
            Path(path).open().close()
    except FileNotFoundError:
        raise OrphanError("the run that this job belongs to is over; nothing more is published") from None


def is_users(number: int) -> bool:
    """Whether a Snakemake of this machine, given by its number, is the one that the user started; if unknown, it is."""
    file = os.environ.get(FILE)
    return not file or processes.is_signed_by(Path(file).name, number)
