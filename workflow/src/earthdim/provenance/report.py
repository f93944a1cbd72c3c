"""The end of a run: the report, the costs, and where the results are."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from earthdim.experiment import queries, resolve
from earthdim.experiment.model import Experiment
from earthdim.jobs import runs, runtime
from earthdim.jobs.costs import budget
from earthdim.provenance import chain, record, verify
from earthdim.provenance.contents import RESULTS
from earthdim.provenance.environment import ROOT
from earthdim.storage.atomic import publish, temporary_name
from earthdim.storage.files import write_table

# With one of these arguments, Snakemake runs no job.
IDLE = {
    "-n", "--dry-run", "--dryrun", "--lint", "--unlock", "--report", "-h", "--help", "-v", "--version", "--dag",
    "--rulegraph", "--filegraph", "--summary", "-S", "--detailed-summary", "-D", "--list-rules", "-l", "--touch", "-t",
    "--delete-all-output", "--delete-temp-output", "--cleanup-metadata", "--cm", "--archive",
}  # fmt: skip


def finish(arguments: Sequence[str], script: Path) -> int:
    """Write the report and the costs of a run, unless they are up to date or its tables are not complete.

    Parameters
    ----------
    arguments : sequence of str
        Those of Snakemake, of which `--config`, `--directory` and a few flags are read, and `--fresh`: write the report
        even if it is up to date.
    script : path
        The script that was called; the record of the report names it.

    Returns
    -------
    int
        Exit status: 1 if the report could not be written.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config", "-C", nargs="*", action="extend", default=[])
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--directory", "-d", type=Path, default=Path())
    known, rest = parser.parse_known_args(arguments)
    if is_idle(rest, known.config) or not known.directory.is_dir():
        return 0
    sys.argv[0] = str(script)
    os.chdir(known.directory)
    experiment = _resolve(known.config)
    parts = parts_of(experiment)
    if not all(path.is_file() for path in parts) or (is_current(experiment.name, parts) and not known.fresh):
        return 0
    return _write(experiment, parts, known.config)


def is_idle(arguments: Sequence[str], config: Sequence[str]) -> bool:
    """Whether Snakemake, called like this, runs no job that makes results."""
    short = {f"-{letter}" for item in arguments if item[:1] == "-" != item[1:2] for letter in item[1:]}
    return bool((IDLE & {*arguments, *short}) or queries.ASIDE & {*arguments, *config})


def _resolve(words: Sequence[str]) -> Experiment:
    """The experiment that `key=value` words name."""
    config = {key: yaml.safe_load(value) for key, _, value in (word.partition("=") for word in words)}
    return resolve.resolve(
        ROOT / "config",
        config.get("experiment", "default"),
        config.get("overrides", []),
        runs.STATE / "grid",
    )


def _write(experiment: Experiment, parts: list[Path], config: Sequence[str]) -> int:
    """Print the costs, write costs, report and their record, and return the exit status."""
    report, costs = record.report_files(experiment.name)
    spent = budget(record.FOLDER, queries.all_names(experiment))
    print(
        f"\nWhat {experiment.name} has cost so far, by stage (counted by the kernel, start and imports included):\n"
    )
    print(f"{spent.to_string(index=False)}\n")
    verdict = RESULTS / experiment.name / "controls.txt"
    if verdict.is_file():
        print(verdict.read_text(encoding="utf-8"))
    print(f"Tables: {RESULTS / experiment.name / 'tables'}", flush=True)
    try:
        write_table(spent, costs)
        _write_report(report, config)
        record.write_report(experiment.name, parts)
    except (OSError, RuntimeError) as error:
        print(
            f"the report of {experiment.name} was not finished: {runtime.shortage(error) or error}\n"
            "Tables and figures are complete. After the error is corrected, run only this:\n"
            f"    {verify.report_command([*config, *_directory()])}",
            file=sys.stderr,
        )
        return 1
    print(f"Report: {report}")
    return 0


def _directory() -> list[str]:
    """The option that names the working directory, unless it is the project's root."""
    return [] if Path.cwd().samefile(ROOT) else ["--directory", str(Path.cwd())]


def is_current(experiment: str, parts: Sequence[Path]) -> bool:
    """Whether report and costs exist, have a record, and are newer than the tables and figures that they show."""
    made = record.report_files(experiment)
    if not all(path.is_file() for path in made):
        return False
    shown = [*parts, *(ROOT / "workflow" / "report").glob("*.rst")]
    newer = min(path.stat().st_mtime for path in made) >= max(path.stat().st_mtime for path in shown)
    # A run that was killed before it wrote the record leaves none, or that of an earlier report.
    return newer and chain.describes(record.report_path(experiment), made, parts)


def parts_of(experiment: Experiment) -> list[Path]:
    """The tables and figures of an experiment, which its report shows."""
    folder = RESULTS / experiment.name
    tables = (folder / "tables" / f"{name}.csv" for name in queries.tables(experiment))
    return sorted([*tables, *(folder / "figures" / f"{name}.png" for name in experiment.settings["figures"])])


def _write_report(report: Path, config: Sequence[str]) -> None:
    """Let Snakemake write its report to a temporary name, then move it into place.

    Raises
    ------
    RuntimeError
        If Snakemake writes none, with its output.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--nolock"]
    # `--quiet all` would also hide why it failed.
    command += ["--quiet", "rules", "progress", "host", "reason"]
    with temporary_name(report) as folder:
        folder.mkdir()
        made = folder / report.name
        command += ["--report", str(made), *(["--config", *config] if config else [])]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode or not made.is_file():
            raise RuntimeError(f"Snakemake reports\n{done.stdout.strip()}")
        with publish(report) as partial:
            made.replace(partial)
