"""CPU seconds that the jobs of `default` spend on starting Python and importing.

    envs/run python tests/benchmarks/starts.py             # everything: about five minutes of CPU time
    envs/run python tests/benchmarks/starts.py --starts    # without the run of `tiny`: one minute
    envs/run python tests/benchmarks/starts.py --tiny 3    # only runs of `tiny`, in turns with and without preloading

- start: from `exec` of Python to the first line of work, when the context `job(snakemake)` would be entered. Each
  script is run up to there, with the preamble that Snakemake writes; the smallest of `--runs` runs.
- forked: the same for a fork of the process that has loaded the libraries (`earthdim.jobs.preload`).
- later: imports during the job, as far as Python's import system makes them, in the jobs of a run of `tiny`, which has
  jobs of every script of `default`: the mean of its jobs. They include neither the loading of numba's cached machine
  code nor the interpreter's exit. These jobs are no forks.
- CPU seconds are user plus system time as the kernel counts them, of the process and its children for `start`, of the
  process for `later`.
- jobs: the number of jobs of `default` without any results, from a dry run.
- `--tiny`: CPU seconds of Snakemake with all its jobs and the process that has loaded the libraries, from no results to
  all. The first run of each kind is not shown: it fills caches.
"""

import argparse
import inspect
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import mean

from snakemake import iocontainers
from snakemake.script import PythonScript
from snakemake.sourcecache import LocalSourceFile

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "workflow"))
sys.path.insert(0, str(ROOT / "tests"))
from project import Project  # noqa: E402

from earthdim.jobs import preload  # noqa: E402

WORK = "\nwith job("
"""The first line of work of every script."""

REPORT = """
import os, resource
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(sum(part.ru_utime + part.ru_stime for part in used), flush=True)
os._exit(0)
"""

# Python imports a module of this name when it starts. It writes the CPU seconds of the imports that are not statements
# at the top of a job's script to one file per process.
LATER = """
import atexit, json, os, sys, time
import _frozen_importlib as machinery

load, later, inside = machinery._find_and_load, {}, []

def timed(name, import_):
    if inside:
        return load(name, import_)
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    at_top = frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__main__"
    inside.append(name)
    begun = time.process_time()
    try:
        return load(name, import_)
    finally:
        inside.pop()
        if not at_top:
            later[name] = later.get(name, 0) + time.process_time() - begun

def save():
    with open(os.path.join(os.environ["EARTHDIM_STARTS"], str(os.getpid())), "w") as file:
        json.dump({"script": os.path.basename(sys.argv[0]), "later": later}, file)

if any(".snakemake/scripts/" in word for word in sys.orig_argv):
    machinery._find_and_load = timed
    atexit.register(save)
"""


def preamble(script: Path) -> str:
    """What Snakemake writes before the text of a script, for a job without files and parameters."""
    arguments = dict.fromkeys(inspect.signature(PythonScript.generate_preamble).parameters)
    arguments |= {
        "path": LocalSourceFile(str(script)),
        "input_": iocontainers.InputFiles(),
        "output": iocontainers.OutputFiles(),
        "params": iocontainers.Params(),
        "wildcards": iocontainers.Wildcards(),
        "resources": iocontainers.ResourceList(),
        "log": iocontainers.Log(),
        "is_local": True,
        "preamble_addendum": "",
    }
    return PythonScript.generate_preamble(**arguments)


def start(script: Path, folder: Path, runs: int, prefix: tuple[str, ...] = ()) -> float:
    """CPU seconds from `exec`, or the fork, to the first line of work; the smallest of some runs."""
    imports, work, _ = script.read_text().partition(WORK)
    if not work:
        raise SystemExit(f"{script} has no line {WORK.strip()!r}")
    copy = folder / script.name
    copy.write_text(preamble(script) + imports + REPORT)
    command = [*prefix, sys.executable, str(copy)]
    environment = os.environ | dict.fromkeys(preload.THREADS, "1")
    done = (subprocess.run(command, env=environment, capture_output=True, check=True) for _ in range(runs))
    return min(float(one.stdout) for one in done)


def jobs_of_default(project: Project) -> Counter[str]:
    """Number of jobs of each script."""
    scripts = {}
    for rules in (project.folder / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"^(?=rule \w+:)", rules.read_text(), flags=re.MULTILINE):
            found = re.search(r'"\.\./scripts/(\w+)\.py"', rule)
            if found:
                scripts[re.match(r"rule (\w+):", rule).group(1)] = found.group(1)
    plan = project.run("--dry-run", "--quiet", "rules", "--config", "experiment=default").stdout
    # Snakemake prints the table before the jobs, and again after them.
    _, _, table = plan.partition("Job stats:")
    table = table.partition("\ntotal ")[0]
    jobs = Counter()
    for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE):
        if rule in scripts:
            jobs[scripts[rule]] += int(count)
    return jobs


def later_imports(project: Project, folder: Path) -> dict[str, list[dict[str, float]]]:
    """Run `tiny`; module -> CPU seconds of each job, by script."""
    hook, saved = folder / "hook", folder / "saved"
    hook.mkdir()
    saved.mkdir()
    (hook / "sitecustomize.py").write_text(LATER)
    environment = {
        **os.environ,
        "PYTHONPATH": f"{hook}{os.pathsep}{project.folder / 'workflow' / 'src'}",
        "EARTHDIM_STARTS": str(saved),
        "SNAKEMAKE_PROFILE": "workflow/profiles/local",
        preload.SWITCH: "no",
    }
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "1",
        "--quiet",
        "all",
        "--config",
        "experiment=tiny",
    ]
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the run of tiny failed:\n{done.stderr[-3000:]}")
    found: dict[str, list[dict[str, float]]] = {}
    for path in saved.iterdir():
        job = json.loads(path.read_text())
        # Snakemake's copy of a script is called tmpabc123.embed.py.
        found.setdefault(job["script"].split(".")[1], []).append(job["later"])
    return found


def largest(jobs: list[dict[str, float]]) -> str:
    """The modules that cost most, with their largest cost in a job."""
    costs = Counter()
    for job in jobs:
        for name, seconds in job.items():
            costs[name] = max(costs[name], seconds)
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in costs.most_common(3) if seconds >= 0.05)


def runs_of_tiny(project: Project, runs: int) -> None:
    """Run `tiny` without and with preloading, in turns, and print the costs."""
    for number in range(runs + 1):
        for switch in ("no", "yes"):
            for folder in ("results", ".snakemake"):
                shutil.rmtree(project.folder / folder, ignore_errors=True)
            os.environ[preload.SWITCH] = switch
            before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            project.run("--config", "experiment=tiny")
            wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
            user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
            if number:
                print(
                    f"tiny, preloading {switch:3}: {user:6.1f} + {system:5.1f} CPU s, {wall:6.1f} s",
                    flush=True,
                )


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="of each script (default 5)")
    parser.add_argument("--starts", action="store_true", help="only up to the first line of work")
    parser.add_argument("--tiny", type=int, metavar="N", help="only N runs of `tiny` of each kind")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="earthdim-starts-") as name:
        project = Project.create(Path(name) / "project")
        if options.tiny:
            runs_of_tiny(project, options.tiny)
            return
        os.environ["PYTHONPATH"] = str(project.folder / "workflow" / "src")
        counts = jobs_of_default(project)
        later = {} if options.starts else later_imports(project, Path(name))
        print(
            "script             jobs  forked   start   later   total   largest of the later imports in a job",
            flush=True,
        )
        total = 0.0
        parent = preload.Preloaded()
        prefix = tuple(shlex.split(parent.prefix))
        # It forks between its imports too, with what it has loaded until then.
        for _ in preload.MODULES:
            start(project.folder / "workflow" / "scripts" / "sources.py", Path(name), 1, prefix)
        for script, jobs in counts.most_common():
            path = project.folder / "workflow" / "scripts" / f"{script}.py"
            begun = start(path, Path(name), options.runs)
            forked = start(path, Path(name), options.runs, prefix)
            imports = later.get(script, [])
            after = mean(sum(job.values()) for job in imports) if imports else 0.0
            total += jobs * (begun + after)
            seconds = f"{forked:8.2f}{begun:8.2f}{after:8.2f}{jobs * (begun + after):8.1f}"
            print(f"{script:18}{jobs:5}{seconds}   {largest(imports)}".rstrip(), flush=True)
        parent.end()
        print(f"\n{counts.total()} jobs, {total:.0f} CPU seconds")


if __name__ == "__main__":
    main(sys.argv[1:])
