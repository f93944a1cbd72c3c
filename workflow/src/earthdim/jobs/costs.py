"""What a run cost, stage by stage, from the benchmark files that its jobs left."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd


def budget(folder: Path, names: Collection[str]) -> pd.DataFrame:
    """Add up the jobs of each stage.

    Parameters
    ----------
    folder : path
        Of benchmark files, `<stage>/.../<job>.tsv`, as Snakemake writes them.
    names : collection of str
        What the experiment names: itself, its variants, point sets, data and figures. A job whose path names anything
        else belongs to others and is left out.

    Returns
    -------
    DataFrame
        One row a stage: jobs, cpu_seconds, longest_cpu_seconds, wall_seconds, peak_mib. Times are of whole
        processes, what their imports cost included.
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
