"""Disturbances of a run: of a running job, its Snakemake, both, or their disk and memory."""

import os
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

SCRIPT = re.compile(r"/\.snakemake/scripts/tmp[^/]*\.(\w+)\.py$")
FILLER = "filler"


def heed() -> None:
    """Restore the default reaction to a terminal's signals, which nohup and background shells ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Running:
    """A running Snakemake: its process, its jobs, and their leftovers."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str], log: Path):
        self.folder, self.log = folder, log
        self.began = time.monotonic()
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=heed,
            )
        self.snakemake = psutil.Process(self.process.pid)

    def jobs(self) -> list[tuple[str, psutil.Process]]:
        """The running jobs: script name and process of each."""
        found = []
        with suppress(psutil.NoSuchProcess):
            for process in self.snakemake.children(recursive=True):
                name = script_of(process)
                if name is not None:
                    found.append((name, process))
        return found

    def ended(self) -> bool:
        return self.process.poll() is not None

    def wait(self, seconds: float) -> int:
        """Wait for Snakemake to end; raises if it hangs."""
        return self.process.wait(seconds)

    def clear(self) -> None:
        """Kill all remaining processes of this run."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def script_of(process: psutil.Process) -> str | None:
    """The name of the script that a job's process runs; None for any other process."""
    try:
        words = process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    # Exactly after the interpreter: the program that waits for a fork has the job's command behind its own.
    match = SCRIPT.search(words[1]) if len(words) > 1 else None
    return match and match[1]


def processes_in(folder: Path) -> list[psutil.Process]:
    """Processes with a working directory in a folder, except this one."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            below = Path(process.cwd()).is_relative_to(folder)
            if below and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def kill_job(running: Running, job: psutil.Process) -> None:
    """SIGKILL to the job only, as from the kernel when memory runs out."""
    job.kill()


def kill_snakemake(running: Running, job: psutil.Process) -> None:
    """SIGKILL to Snakemake only: its jobs become orphans."""
    running.snakemake.kill()


def kill_both(running: Running, job: psutil.Process) -> None:
    """SIGKILL to Snakemake and all its child processes."""
    os.killpg(running.process.pid, signal.SIGKILL)


def interrupt(running: Running, job: psutil.Process) -> None:
    """SIGINT to the process group, as from Ctrl-C in a terminal."""
    os.killpg(running.process.pid, signal.SIGINT)


def hang_up(running: Running, job: psutil.Process) -> None:
    """SIGHUP to the process group, as from a terminal that closes."""
    os.killpg(running.process.pid, signal.SIGHUP)


def terminate(running: Running, job: psutil.Process) -> None:
    """SIGTERM to Snakemake, which then waits for its running jobs."""
    running.snakemake.terminate()


def fill_disk(running: Running, job: psutil.Process) -> None:
    """Fill the run's small file system; without one, limit the size of all files that the run writes."""
    if running.folder.is_mount():
        with (running.folder / FILLER).open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
    else:
        for process in (running.snakemake, *(process for _, process in running.jobs())):
            with suppress(psutil.NoSuchProcess):
                process.rlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    _until(lambda: running.ended() or not job.is_running(), 60)


def free_disk(running: Running) -> None:
    """Free the disk space again."""
    (running.folder / FILLER).unlink(missing_ok=True)
    if not running.ended():
        for process in (running.snakemake, *(process for _, process in running.jobs())):
            with suppress(psutil.NoSuchProcess):
                process.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def exhaust_memory(running: Running, job: psutil.Process) -> None:
    """Limit the job's address space to its present size plus 1 MiB."""
    limit = job.memory_info().vms + (1 << 20)
    job.rlimit(resource.RLIMIT_AS, (limit, limit))
    _until(lambda: running.ended() or not job.is_running(), 60)


KINDS: dict[str, Callable[[Running, psutil.Process], None]] = {
    "kill job": kill_job,
    "kill snakemake": kill_snakemake,
    "kill both": kill_both,
    "SIGINT": interrupt,
    "SIGHUP": hang_up,
    "SIGTERM": terminate,
    "full disk": fill_disk,
    "out of memory": exhaust_memory,
}
# After these Snakemake continues with jobs that do not depend on the failed one.
SURVIVED = ("kill job", "full disk", "out of memory")


def _until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)


def mount(folder: Path, mebibytes: int) -> bool:
    """Mount a small file system at a folder if permitted; return whether it was."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    if os.geteuid() or shutil.which("mount") is None:
        return False
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def unmount(folder: Path) -> None:
    """Unmount the small file system if there is one."""
    if folder.is_mount():
        subprocess.run(["umount", str(folder)], check=True)
