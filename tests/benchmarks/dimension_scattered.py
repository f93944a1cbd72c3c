"""Cost of the exact graph of many points in scattered jobs, as the workflow searches it, and the law of this cost.

    envs/run python tests/benchmarks/dimension_scattered.py                      # 30,000, 100,000 and 300,000 x 256
    envs/run python tests/benchmarks/dimension_scattered.py --n 1000000          # a million: hours

Every job is a separate process with one thread: each block of candidates prepares the embedding and searches its part
of the pairs; one more job merges the blocks. CPU seconds and memory include preparation; memory is the peak of the
resident set of a job with everything in it. GeoCLIP's released encoder at points on land, first 256 columns, k = 100.

The law is the least-squares fit of CPU seconds a N + b N^2 to the measured sizes, relative to their cost; memory is
fitted by c + e N.
"""

# ruff: noqa: E402 - a script, which first sets the path of its modules.
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from benchmarks.dimension import Meter, encoder_and_points, machine, resident
from benchmarks.dimension_findings import DEPTH, GIB

MILLION = 1_000_000
PART = 20_000
"""Points that are embedded at once."""


def embed(folder: Path, options: argparse.Namespace) -> None:
    """Write the embedding of the largest size; smaller ones are its first rows."""
    n, d = max(options.n), options.d
    encoder, lonlat = encoder_and_points(n)
    out = np.lib.format.open_memmap(folder / "embedding.npy", "w+", np.float32, (n, d))
    for start in range(0, n, PART):
        out[start : start + PART] = encoder.embed(lonlat[start : start + PART])[:, :d]
    out.flush()


def search(folder: Path, options: argparse.Namespace) -> None:
    """One block of candidates."""
    from earthdim.estimation.neighbours import candidates, prepare

    points = prepare(read(folder, options)).points
    found = candidates(points, DEPTH, options.block, options.blocks)
    for name in ("index", "rank", "beyond"):
        np.save(folder / f"{name}-{options.block}.npy", getattr(found, name))


def merge(folder: Path, options: argparse.Namespace) -> None:
    """The graph from all blocks."""
    from earthdim.estimation.neighbours import Candidates, merge, prepare

    points = prepare(read(folder, options)).points
    names = ("index", "rank", "beyond")
    blocks = range(options.blocks)
    merge(points, DEPTH, (Candidates(*(np.load(folder / f"{n}-{b}.npy") for n in names)) for b in blocks))


def read(folder: Path, options: argparse.Namespace) -> np.ndarray:
    """The embedding of one size, in memory."""
    return np.array(np.load(folder / "embedding.npy", mmap_mode="r")[: options.size])


STAGES = {"embed": embed, "search": search, "merge": merge}


def run_stage(options: argparse.Namespace) -> int:
    """Run one stage in this process, and print its cost as JSON."""
    with Meter(0) as meter:
        STAGES[options.stage](Path(options.folder), options)
    print(json.dumps({"cpu": meter.cpu, "gib": resident("VmHWM") / GIB}))
    return 0


def job(stage: str, folder: Path, arguments: list[str]) -> dict[str, float]:
    """Cost of a stage in a process of its own."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("OPENBLAS", "GOTO"))
    }
    environment |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "NUMBA", "NUMEXPR")}
    command = [sys.executable, str(Path(__file__).resolve()), *arguments]
    command += ["--stage", stage, "--folder", str(folder)]
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def law(sizes: list[int], costs: list[float], powers: tuple[int, ...]) -> np.ndarray:
    """Coefficients of powers of N with the least relative error, none negative."""
    from scipy.optimize import nnls

    terms = np.array([[float(n) ** power for power in powers] for n in sizes]) / np.array(costs)[:, None]
    scale = terms.max(axis=0)
    return nnls(terms / scale, np.ones(len(sizes)))[0] / scale


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--n", type=int, nargs="+", default=[30_000, 100_000, 300_000], help="numbers of points"
    )
    parser.add_argument("--d", type=int, default=256, help="columns (default 256)")
    parser.add_argument("--blocks", type=int, default=4, help="jobs of candidates (default 4)")
    for name, kind in (("stage", str), ("folder", str), ("size", int), ("block", int)):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Measure all sizes one after the other; print costs and their law."""
    options = parse(arguments)
    if options.stage:
        return run_stage(options)
    print(machine())
    print(
        f"GeoCLIP's released encoder on land, {options.d} columns, k = {DEPTH}, {options.blocks} blocks and a merge\n"
    )
    totals, peaks = [], []
    with tempfile.TemporaryDirectory(prefix="earthdim-benchmark-") as name:
        folder = Path(name)
        job("embed", folder, arguments)
        for n in options.n:
            at = [*arguments, "--size", str(n)]
            blocks = [job("search", folder, [*at, "--block", str(b)]) for b in range(options.blocks)]
            last = job("merge", folder, at)
            totals.append(sum(cost["cpu"] for cost in blocks) + last["cpu"])
            peaks.append(max(cost["gib"] for cost in (*blocks, last)))
            each = ", ".join(f"{cost['cpu']:,.1f}" for cost in blocks)
            print(f"{n:>9,} points: {totals[-1]:,.1f} CPU s (blocks {each}; merge {last['cpu']:,.1f}), "
                  f"at most {peaks[-1]:.2f} GiB a job", flush=True)  # fmt: skip
    if len(options.n) > 1:
        linear, square = law(options.n, totals, (1, 2))
        constant, slope = law(options.n, peaks, (0, 1))
        print(f"\nlaw: {linear * 1e5:.3g} s per 100,000 points and {square * 1e10:.3g} s per 100,000 points squared; "
              f"{constant:.2f} GiB and {slope * 1e5:.3g} GiB per 100,000 points")  # fmt: skip
        print(f"a million points by this law: {linear * MILLION + square * MILLION**2:,.0f} CPU s, "
              f"{constant + slope * MILLION:.1f} GiB a job")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
