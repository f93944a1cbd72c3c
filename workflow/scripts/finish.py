"""End a run: write the report if its parts are there, say what the run cost and where everything is.

Called by the Snakefile when a run succeeded (`--fresh`), and by envs/run after a run with nothing to do; takes
Snakemake's own arguments and reads `--config` and a few flags from them.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import yaml

from earthdim.experiment import queries, resolve
from earthdim.experiment.model import Experiment
from earthdim.jobs import runs, runtime
from earthdim.jobs.costs import budget
from earthdim.provenance import chain, record, verify
from earthdim.provenance.contents import RESULTS
from earthdim.storage.atomic import beside, publish
from earthdim.storage.files import write_table

ROOT = Path(__file__).absolute().parents[2]
# With one of these, Snakemake ran no job.
IDLE = {
    "-n", "--dry-run", "--dryrun", "--lint", "--unlock", "--report", "-h", "--help", "-v", "--version", "--dag",
    "--rulegraph", "--filegraph", "--summary", "-S", "--detailed-summary", "-D", "--list-rules", "-l", "--touch", "-t",
    "--delete-all-output", "--delete-temp-output", "--cleanup-metadata", "--cm", "--archive",
}  # fmt: skip


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config", "-C", nargs="*", action="extend", default=[])
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--directory", "-d", type=Path, default=Path())
    known, rest = parser.parse_known_args(arguments)
    short = {f"-{letter}" for item in rest if item[:1] == "-" != item[1:2] for letter in item[1:]}
    if (IDLE & {*rest, *short}) or queries.ASIDE & {*rest, *known.config}:
        return 0
    if not known.directory.is_dir():
        return 0
    # The record names this script, which may have been called by a path from here.
    sys.argv[0] = str(Path(__file__).absolute())
    os.chdir(known.directory)
    config = {key: yaml.safe_load(value) for key, _, value in (item.partition("=") for item in known.config)}
    experiment = resolve.resolve(
        ROOT / "config",
        config.get("experiment", "default"),
        config.get("overrides", []),
        runs.STATE / "grid",
    )
    parts = parts_of(experiment)
    if not all(path.is_file() for path in parts) or (is_current(experiment.name, parts) and not known.fresh):
        return 0
    tables = RESULTS / experiment.name / "tables"
    report, costs = record.report_files(experiment.name)
    spent = budget(RESULTS / "benchmarks", queries.all_names(experiment))
    print(f"\nWhat {experiment.name} has cost so far, by stage (process seconds, imports included):\n")
    print(f"{spent.to_string(index=False)}\n\nTables: {tables}", flush=True)
    try:
        write_table(spent, costs)
        write_report(report, known.config)
        record.write_report(experiment.name, parts)
    except (OSError, RuntimeError) as error:
        print(
            f"the report of {experiment.name} was not finished: {runtime.lack(error) or error}\n"
            "Tables and figures are. When it is mended, this alone is to be done:\n"
            f"    {verify.report_command([*known.config, *elsewhere()])}",
            file=sys.stderr,
        )
        return 1
    print(f"Report: {report}")
    return 0


def elsewhere() -> list[str]:
    """Where the results are if not in the project's root, as a command there names it."""
    return [] if Path.cwd().samefile(ROOT) else ["--directory", str(Path.cwd())]


def is_current(experiment: str, parts: list[Path]) -> bool:
    """Whether report and costs are there, are recorded, and show these tables and figures as they are now."""
    made = record.report_files(experiment)
    if not all(path.is_file() for path in made):
        return False
    shown = [*parts, *(ROOT / "workflow" / "report").glob("*.rst")]
    younger = min(path.stat().st_mtime for path in made) >= max(path.stat().st_mtime for path in shown)
    # A run that was killed before it wrote the record leaves none, or that of the report before.
    return younger and chain.describes(record.report_path(experiment), made, parts)


def parts_of(experiment: Experiment) -> list[Path]:
    """What a report shows: the tables and figures that the experiment is to make."""
    folder = RESULTS / experiment.name
    tables = (folder / "tables" / f"{name}.csv" for name in queries.tables(experiment))
    return sorted([*tables, *(folder / "figures" / f"{name}.png" for name in experiment.settings["figures"])])


def write_report(report: Path, config: list[str]) -> None:
    """Let Snakemake write its report to a name of its own, then put it in place.

    Raises
    ------
    RuntimeError
        If it writes none, with what it says.
    """
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--nolock",
        # `all` would leave out why it failed.
        "--quiet",
        "rules",
        "progress",
        "host",
        "reason",
    ]
    with beside(report) as folder:
        folder.mkdir()
        made = folder / report.name
        command += ["--report", str(made), *(["--config", *config] if config else [])]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode or not made.is_file():
            raise RuntimeError(f"Snakemake says\n{done.stdout.strip()}")
        with publish(report) as partial:
            made.replace(partial)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
