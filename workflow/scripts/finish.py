"""End a run: write the report if its parts are there, say what the run cost and where everything is.

Called by the Snakefile when a run succeeded (`--fresh`), and by envs/run after a run with nothing to do; takes
Snakemake's own arguments and reads `--config` and a few flags from them.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import yaml

from earthdim import artefacts, grid, records, views
from earthdim.atomic import beside, publish
from earthdim.budget import budget

ROOT = Path(__file__).parents[2]
RESULTS = Path("results")
# Targets of which no table comes.
ASIDE = {"branch", "fetch", "verify", "trace", "archive"}
# With one of these, Snakemake ran no job.
IDLE = {
    "-n", "--dry-run", "--dryrun", "--lint", "--unlock", "--report", "-h", "--help", "-v", "--version", "--dag",
    "--rulegraph", "--filegraph", "--summary", "-S", "--detailed-summary", "-D", "--list-rules", "-l", "--touch", "-t",
    "--delete-all-output", "--delete-temp-output", "--cleanup-metadata", "--cm", "--archive", "--lint-rules",
}  # fmt: skip


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config", "-C", nargs="*", action="extend", default=[])
    parser.add_argument("--fresh", action="store_true")
    known, rest = parser.parse_known_args(arguments)
    short = {f"-{letter}" for item in rest if item[:1] == "-" != item[1:2] for letter in item[1:]}
    if (IDLE & {*rest, *short}) or ASIDE & {*rest, *known.config}:
        return 0
    config = {key: yaml.safe_load(value) for key, _, value in (item.partition("=") for item in known.config)}
    experiment = grid.resolve(
        ROOT / "config",
        config.get("experiment", "default"),
        config.get("overrides", []),
        Path(".snakemake") / "grid",
    )
    folder = RESULTS / experiment.name
    report, tables = folder / "report.html", folder / "tables"
    made = all((tables / f"{name}.csv").is_file() for name in views.tables(experiment))
    if not made or (is_current(folder) and not known.fresh):
        return 0
    written = write_report(report, known.config)
    costs = budget(RESULTS / "benchmarks", views.all_names(experiment))
    artefacts.write_table(costs, folder / "budget.csv")
    if written:
        records.write_report(experiment.name, [report, folder / "budget.csv"], parts_of(folder))
    print(f"\nWhat {experiment.name} has cost so far, by stage (process seconds, imports included):\n")
    print(costs.to_string(index=False))
    print(f"\nTables: {tables}\nReport: {report if written else 'not written, see above'}")
    return 0


def is_current(folder: Path) -> bool:
    """Whether report and costs are there and younger than every table, figure and caption."""
    made = [folder / "report.html", folder / "budget.csv"]
    if not all(path.is_file() for path in made):
        return False
    parts = [*parts_of(folder), *(ROOT / "workflow" / "report").glob("*.rst")]
    return min(path.stat().st_mtime for path in made) >= max(path.stat().st_mtime for path in parts)


def parts_of(folder: Path) -> list[Path]:
    """What a report shows."""
    return sorted([*folder.glob("tables/*.csv"), *folder.glob("figures/*")])


def write_report(report: Path, config: list[str]) -> bool:
    """Let Snakemake write its report to a name of its own, then put it in place."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--nolock",
        "--quiet",
        "all",
    ]
    with beside(report) as folder:
        folder.mkdir()
        made = folder / report.name
        command += ["--report", str(made), *(["--config", *config] if config else [])]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode or not made.is_file():
            print(done.stdout, file=sys.stderr)
            return False
        with publish(report) as partial:
            made.replace(partial)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
