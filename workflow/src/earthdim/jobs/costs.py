"""The cost of a job as the kernel counted it, and of a run by stage, from the records of its jobs."""

import json
import os
import resource
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def so_far() -> dict[str, float]:
    """The cost of this process since it began: start of Python and imports included.

    Returns
    -------
    dict of float
        ``cpu_seconds``, user plus system time of the process and of its children that have ended; ``wall_seconds``;
        ``peak_mib``, the largest resident memory of the process, in MiB.
    """
    counted = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "cpu_seconds": round(sum(used.ru_utime + used.ru_stime for used in counted), 3),
        "wall_seconds": round(_age(), 3),
        "peak_mib": round(_peak_bytes(counted[0].ru_maxrss) / 2**20, 1),
    }


def _age(process: Path = Path("/proc/self/stat")) -> float:
    """Seconds since this process began."""
    if process.is_file():
        # The name of the process, in parentheses, may contain blanks. The start follows, in ticks since boot.
        start = int(process.read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - start
    import psutil

    return time.time() - psutil.Process().create_time()


def _peak_bytes(largest: int, status: Path = Path("/proc/self/status")) -> int:
    """Largest resident memory in bytes; `largest` is that of `getrusage`."""
    # On Linux `getrusage` includes the memory that the parent had when it started this process.
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return largest if sys.platform == "darwin" else largest * 1024


def budget(folder: Path, names: Collection[str]) -> "pd.DataFrame":
    """Sum the costs of the jobs of each stage.

    Parameters
    ----------
    folder : path
        Folder of records, `<stage>/.../<job>.json`. Files without a cost are ignored.
    names : collection of str
        All names of the experiment: its own, and those of its variants, point sets, data and figures. A job whose path
        contains another name belongs to another experiment and is not counted.

    Returns
    -------
    DataFrame
        One row per stage: jobs, cpu_seconds, longest_cpu_seconds, wall_seconds, peak_mib; see `so_far`.
    """
    import pandas as pd

    jobs = []
    for file in sorted(folder.rglob("*.json")):
        stage, *below = file.relative_to(folder).with_suffix("").parts
        if set(below) <= set(names):
            cost = _cost(file)
            if cost is not None:
                jobs.append((stage, cost["cpu_seconds"], cost["wall_seconds"], cost["peak_mib"]))
    table = pd.DataFrame(jobs, columns=["stage", "cpu", "wall", "peak"])
    return (
        table.groupby("stage")
        .agg(
            jobs=("cpu", "size"),
            cpu_seconds=("cpu", "sum"),
            longest_cpu_seconds=("cpu", "max"),
            wall_seconds=("wall", "sum"),
            peak_mib=("peak", "max"),
        )
        .sort_values("cpu_seconds", ascending=False)
        .round(1)
        .reset_index()
    )


def _cost(file: Path) -> dict[str, float] | None:
    """The cost in a record; None without one: an invalid file, which `verify` reports, or the record of a report."""
    try:
        cost = json.loads(file.read_bytes())["cost"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    known = isinstance(cost, dict) and {"cpu_seconds", "wall_seconds", "peak_mib"} <= cost.keys()
    return cost if known and all(isinstance(value, int | float) for value in cost.values()) else None
