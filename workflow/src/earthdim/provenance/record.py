"""Write the record of a job: outputs, inputs, config, code, packages, machine and times."""

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from earthdim.jobs import costs
from earthdim.provenance import environment
from earthdim.provenance.contents import RESULTS, contents, identity
from earthdim.storage.digests import digest
from earthdim.storage.files import read_json, write_json

SCHEMA_VERSION = 1
FOLDER = RESULTS / "records"
# Time of import, which precedes the work of the script.
_BEGUN = datetime.now(UTC)


def record_path(log: str | Path) -> Path:
    """Path of a job's record: ``results/logs/embed/a.log`` -> ``results/records/embed/a.json``."""
    return (FOLDER / Path(log).relative_to(RESULTS / "logs")).with_suffix(".json")


def environment_path(number: str) -> Path:
    """Path of the package list with this digest."""
    return FOLDER / "environments" / f"{number}.json"


def report_path(experiment: str) -> Path:
    """Path of the record of an experiment's report."""
    return FOLDER / "report" / f"{experiment}.json"


def report_files(experiment: str) -> list[Path]:
    """Files that a finished run writes in addition to tables and figures: the report and the costs."""
    return [RESULTS / experiment / name for name in ("report.html", "budget.csv")]


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its seal, a digest of all other keys."""
    content = {key: value for key, value in record.items() if key != "seal"}
    return {**content, "seal": digest(content, 64)}


def write(snakemake: Any, job: Mapping[str, Any]) -> None:
    """Write the record of the current job at its end; it replaces an earlier one of the same job.

    Parameters
    ----------
    snakemake : object
        Snakemake's object in a script; its rule, wildcards, input, output and log are read.
    job : mapping
        The rule's parameter: config, code, schema and libraries.
    """
    script = getattr(sys.modules["__main__"], "__file__", None)
    made = {
        "rule": snakemake.rule,
        "wildcards": {name: str(value) for name, value in snakemake.wildcards.items()},
        "config": job["config"],
        "code": job["code"],
        "schema": job["schema"],
        "libraries": job["libraries"],
    }
    _write(
        record_path(snakemake.log[0]),
        made,
        snakemake.input,
        snakemake.output,
        script and Path(script),
        cost=True,
    )


def write_report(experiment: str, of: Iterable[Path]) -> None:
    """Write the record of an experiment's report and costs, which are not outputs of a job."""
    known = {"rule": "report", "wildcards": {"experiment": experiment}, "config": {}, "code": ""}
    known |= {"schema": {}, "libraries": {}}
    _write(report_path(experiment), known, of, report_files(experiment), Path(sys.argv[0]).resolve())


def _write(
    path: Path,
    made: Mapping[str, Any],
    inputs: Iterable[Any],
    outputs: Iterable[Any],
    script: Path | None,
    cost: bool = False,
) -> None:
    files = environment.loaded_code(script)
    record = {
        "record": SCHEMA_VERSION,
        "path": path.as_posix(),
        **made,
        "outputs": {str(output): contents(output) for output in outputs},
        "inputs": {str(item): identity(item) for item in inputs},
        "code_files": files,
        "environment": _environment(),
        "git": environment.commit(),
        "machine": environment.machine(),
        "begun": _BEGUN.isoformat(timespec="milliseconds"),
        "ended": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    if cost:
        # Last, so that the digests and git, a child, are counted.
        record["cost"] = costs.so_far()
    write_json(sealed(record), path)


def _environment() -> str:
    """Store the list of installed packages, shared by all jobs with the same packages, and return its digest."""
    packages = environment.packages()
    number = digest(packages)
    path = environment_path(number)
    if read_whole(path, number) is None:
        write_json(packages, path)
    return number


def read_whole(path: Path, number: str) -> dict[str, str] | None:
    """Read a stored package list; None if it is missing or has another digest."""
    try:
        found = read_json(path)
        return found if digest(found) == number else None
    # A folder in its place, invalid JSON, or JSON nested too deeply.
    except (FileNotFoundError, IsADirectoryError, ValueError, RecursionError):
        return None
