"""Cost of planning a thousand variants with `snakemake -n`, without results and with all results present.

    envs/run python tests/benchmarks/planning.py              # everything: about ten minutes
    envs/run python tests/benchmarks/planning.py --absent     # without the part that needs results: three minutes
    envs/run python tests/benchmarks/planning.py --seeds 1    # a hundred variants

The experiment is `tiny` with other branches: SatCLIP at twenty resolutions, with four modalities each and untrained, in
ten seeds. That is a hundred cells and every stage of `all`, in a copy of this checkout in a temporary folder.

- cold: without cached leaves. warm: with all leaves cached.
- absent: without results. present: with all outputs and Snakemake's records of them, so that nothing is planned. No
  variant is trained for this: the outputs are empty files, and `snakemake --touch` records them as after a run, with
  the parameters and inputs that the next plan compares.
- Wall and CPU seconds (user plus system) and the peak of the resident set are those of the whole process, for the
  fastest of three runs; the wall time of each run is printed at the end. Other processes increase it: see the printed
  load.
- The last lines are CPU seconds of the Snakemake process of one job of `default`, and of one job of an otherwise empty
  Snakefile; the smaller of three runs.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "workflow"), str(ROOT / "tests")]
from project import Project  # noqa: E402

# Seconds of wall time, and GiB, at a thousand variants.
LIMITS = {"cold": 15.0, "warm": 8.0}
LARGEST_GIB = 1.0
RUNS = 3
NAME = "planning"
MODALITIES = ("rgb", "rgb-elevation", "elevation", "climate")
DEGREES = range(5, 25)
PLAN = ("--dry-run", "--cores", "2", "--quiet", "all", "--config", f"experiment={NAME}")
# Snakemake sleeps a tenth of a second for each job that it touches, and starts few a second by our profile.
TOUCH = "import sys, snakemake.cli, snakemake.executors.touch as t; t.Executor.SLEEPING_TIME = 0; snakemake.cli.main()"
TOUCHING = (
    "--touch",
    "--forceall",
    "--max-jobs-per-timespan",
    "1000000/1s",
    "--cores",
    "2",
    "--quiet",
    "all",
)


@dataclass
class Cost:
    """Cost and output of a process."""

    wall: float
    cpu: float
    gib: float
    output: str


def measure(folder: Path, *command: str) -> Cost:
    """Run Python in a project's folder, with its own package."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder / "workflow" / "src"),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    profile = folder / "workflow" / "profiles" / "local"
    environment |= {"SNAKEMAKE_PROFILE": str(profile)} if profile.is_dir() else {}
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=folder, env=environment, stdout=printed, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - begun
        printed.seek(0)
        output = printed.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{output[-3000:]}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20, output)


def thousand(folder: Path, seeds: int) -> Project:
    """A project with the experiment."""
    project = Project.create(folder)
    names = [f"degree{degree}" for degree in DEGREES]
    leaf = (folder / "config" / "resolution" / "l10.yaml").read_text()
    for name, degree in zip(names, DEGREES, strict=True):
        text = leaf.replace("name: l10", f"name: {name}").replace("polys: 10", f"polys: {degree}")
        project.write(f"config/resolution/{name}.yaml", text)
    axes = f"model: [satclip], resolution: [{', '.join(names)}], schedule: [tiny], seed: {list(range(seeds))}"
    few = f"model: [satclip], resolution: [{names[0]}], schedule: [tiny], seed: [0], modality: [rgb]"
    branches = (
        f"branches:\n  grid: {{{axes}, modality: [{', '.join(MODALITIES)}]}}\n"
        f"  twins: {{{axes}, weights: [untrained]}}\n  csp: {{{few}, weights: [trained, untrained]}}\n"
        f"  part: {{{few}, weights: [trained, untrained]}}\n"
    )
    text = (folder / "config" / "experiment" / "tiny.yaml").read_text()
    start, end = text.index("branches:"), text.index("sample:")
    project.write(f"config/experiment/{NAME}.yaml", text[:start] + branches + text[end:])
    return project


def planned(cost: Cost) -> int:
    """The number of jobs of a plan."""
    if "Nothing to be done" in cost.output:
        return 0
    return int(re.search(r"^total\s+(\d+)", cost.output, re.MULTILINE).group(1))


def pretend(folder: Path) -> None:
    """Create all outputs as empty files and let Snakemake record them."""
    summary = measure(folder, "-m", "snakemake", "--summary", "--config", f"experiment={NAME}")
    for line in summary.output.splitlines():
        path, *rest = line.split("\t")
        if not rest or not path.startswith("results/"):
            continue
        output = folder / path
        if output.suffix == ".zarr":
            output.mkdir(parents=True)
        else:
            output.parent.mkdir(parents=True, exist_ok=True)
            output.touch()
    measure(folder, "-c", TOUCH, *TOUCHING, "--config", f"experiment={NAME}")


def judge(project: Project, state: str) -> bool:
    """Plan with cold and warm caches and print the results."""
    good = True
    for kind, limit in LIMITS.items():
        costs = []
        for _ in range(RUNS):
            if kind == "cold":
                shutil.rmtree(project.folder / ".snakemake" / "grid", ignore_errors=True)
            costs.append(measure(project.folder, "-m", "snakemake", *PLAN))
        cost = min(costs, key=lambda one: one.wall)
        kept = cost.wall < limit and cost.gib < LARGEST_GIB
        load = os.getloadavg()[0]
        print(
            f"{state:8} {kind:5} {planned(cost):6} {cost.wall:8.1f} {cost.cpu:8.1f} {cost.gib:6.2f} {load:6.1f}"
            f"   {'kept' if kept else 'NOT KEPT'}: {limit:.0f} s, {LARGEST_GIB:.0f} GiB"
            f"   (all: {', '.join(f'{one.wall:.1f}' for one in costs)})",
            flush=True,
        )
        good &= kept and (planned(cost) == 0) == (state == "present")
    return good


def of_one_job(project: Project, bare: Path) -> None:
    """Snakemake's overhead per job."""
    bare.mkdir()
    (bare / "Snakefile").write_text('rule a:\n    output: "a"\n    shell: "touch a"\n')
    job = ("-m", "snakemake", "--dry-run", "--mode", "subprocess", "--quiet", "all", "--")
    target = "results/data/datasets/land-mask.zarr"
    # One more than for the empty Snakefile: the first composes default's leaves.
    one = min(measure(project.folder, *job, target).cpu for _ in range(4))
    floor = min(measure(bare, *job, "a").cpu for _ in range(3))
    print(f"around one job of default: {one:.2f} CPU s; of an empty Snakefile: {floor:.2f}")


def main(arguments: list[str]) -> int:
    """Measure, print, and return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10, help="of each of the 100 cells (default 10)")
    parser.add_argument("--absent", action="store_true", help="leave out plans with results present")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="earthdim-planning-") as name:
        project = thousand(Path(name) / "project", options.seeds)
        variants = options.seeds * len(DEGREES) * (len(MODALITIES) + 1)
        print(f"{variants} variants, {os.cpu_count()} cores\n")
        print("results  cache   jobs   wall s    CPU s    GiB   load")
        good = judge(project, "absent")
        if not options.absent:
            pretend(project.folder)
            good &= judge(project, "present")
        print()
        of_one_job(project, Path(name) / "bare")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
