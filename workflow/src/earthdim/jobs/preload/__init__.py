"""A process that has loaded the libraries, of which the jobs of a local run are forks.

Starting Python and importing libraries costs a job one to three seconds of processor time, as long as many jobs
compute. `start` therefore starts one process beside Snakemake, which imports the libraries once (`server`). A small
program in front of the command of each job (`client`) lets it fork, and stays until the fork has ended. Without the
server, before its first import and after its end, the command is executed as it is.
"""

import os
import secrets
import shlex
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

SWITCH = "EARTHDIM_PRELOAD"
"""Environment variable: "no" if each job shall start its own interpreter, or a number in place of `LEAST`."""

LEAST = 4
"""Number of jobs from which the server is started: loading everything costs as much as the starts of about three."""

MODULES = (
    "snakemake.iocontainers",
    "snakemake.logging",
    "psutil",
    "threadpoolctl",
    "numpy",
    "pandas",
    "xarray",
    "zarr",
    "numba",
    "torch",
    "safetensors.torch",
    "scipy.stats",
    "sklearn.linear_model",
    "sklearn.neighbors",
    "skdim",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
)
"""Libraries of the jobs that take long to load, in the order in which the stages need them."""

THREADS = (
    "OMP_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""Environment variables that Snakemake sets to the number of threads of a job."""

# Longest command line of a job, in bytes.
_ROOM = 8192
# Time that the server has for its end, in seconds; a job that hangs is left to its lease.
_END_S = 5


class Preloaded:
    """A running server; it ends when this process ends, or with `end`.

    Attributes
    ----------
    prefix : str
        What stands in front of the command of a job in a shell.
    process : Popen
        The server.
    """

    def __init__(self, modules: tuple[str, ...] = MODULES):
        # In the abstract namespace: nothing is left over, and no path is too long. Both ends check the user.
        name = f"earthdim-{secrets.token_hex(8)}"
        folder = Path(__file__).parent
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(f"\0{name}")
            listener.listen(128)
            number = listener.fileno()
            # Standard input is the pipe by which the server sees the end of this process.
            self.process = subprocess.Popen(
                [sys.executable, folder / "server.py", str(number), "-" * _ROOM, *modules],
                env=os.environ | dict.fromkeys(THREADS, "1"),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[number],
            )
        words = [sys.executable, "-I", "-S", str(folder / "client.py"), name]
        self.prefix = " ".join(map(shlex.quote, words))

    def end(self) -> None:
        """End the server after its jobs; wait for both, but not for a job that hangs."""
        self.process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_END_S)


def start(jobs: int, math_threads: int) -> Preloaded | None:
    """Start a server, if there is a use for it.

    Parameters
    ----------
    jobs : int
        Number of jobs that this process will start.
    math_threads : int
        Threads of a job's libraries. A process with more than one cannot be forked.

    Returns
    -------
    Preloaded or None
    """
    switch = os.environ.get(SWITCH, "").lower()
    least = int(switch) if switch.isdecimal() else LEAST
    wanted = switch not in ("no", "off", "false", "0") and jobs >= least
    possible = sys.platform == "linux" and hasattr(os, "pidfd_open") and math_threads == 1
    return Preloaded() if wanted and possible else None
