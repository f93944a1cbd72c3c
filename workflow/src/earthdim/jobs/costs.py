"""The cost of a run by stage, from the benchmark files of its jobs."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd


def budget(folder: Path, names: Collection[str]) -> pd.DataFrame:
    """Sum the costs of the jobs of each stage.

    Parameters
    ----------
    folder : path
        Folder of benchmark files, `<stage>/.../<job>.tsv`, as Snakemake writes them.
    names : collection of str
        All names of the experiment: its own, and those of its variants, point sets, data and figures. A job whose path
        contains another name belongs to another experiment and is not counted.

    Returns
    -------
    DataFrame
        One row per stage: jobs, cpu_seconds, longest_cpu_seconds, wall_seconds, peak_mib. Times are those of whole
        processes, including their imports.
    """
    jobs = []
    for file in sorted(folder.rglob("*.tsv")):
        stage, *below = file.relative_to(folder).with_suffix("").parts
        if set(below) <= set(names):
            cost = pd.read_csv(file, sep="\t", na_values=["-"]).iloc[-1]
            jobs.append((stage, cost["cpu_time"], cost["s"], cost["max_rss"]))
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
