"""Trace one row of a table to its origin: variant, jobs from the data on, code, packages, machine and times."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from earthdim.experiment import queries
from earthdim.experiment.model import Experiment
from earthdim.experiment.validation import ConfigError
from earthdim.provenance import environment
from earthdim.provenance.chain import Chain, Record, Records, chain, is_result, read
from earthdim.provenance.contents import RESULTS
from earthdim.provenance.record import environment_path
from earthdim.provenance.verify import Finding, job_findings
from earthdim.storage.digests import digest as config_digest
from earthdim.storage.schema import COUNTERPARTS, MEASURE, TARGET

Row = dict[str, str]
# Columns that identify a row among those of its variant, in a table and in the rows it is built from.
CONTROL_KEYS = ("points", "support", "n", "replicate", "space", *TARGET, "metric", *MEASURE[:2])
KEYS = (*CONTROL_KEYS, *MEASURE[2:], "value")


def question(config: Mapping[str, Any], experiment: Experiment) -> dict[str, Any]:
    """Parse the question of the command line.

    Parameters
    ----------
    config : mapping
        ``row=TABLE:NUMBER``, with rows counted from 1 below the header, or ``variant=NAME``.
    experiment : Experiment
        Resolved.

    Returns
    -------
    dict
        Keys table, number and variant. For a variant, table is "" and number 0; for a row, variant is "".

    Raises
    ------
    ConfigError
        If neither or both are given, the row or variant does not exist, or the experiment has not been run.
    """
    row, variant = config.get("row"), config.get("variant")
    if (row is None) == (variant is None):
        raise ConfigError(
            "trace: give either --config row=TABLE:NUMBER (rows count from 1 below the header) or --config variant=NAME"
        )
    if not resolved_path(experiment.name).is_file():
        raise ConfigError(f"trace: {resolved_path(experiment.name)} is missing; run the experiment first")
    if variant is not None:
        if variant not in experiment.variants:
            raise ConfigError(f"variant: {variant!r} is not one of {', '.join(experiment.variants)}")
        return {"table": "", "number": 0, "variant": variant}
    table, _, number = str(row).rpartition(":")
    if table not in queries.tables(experiment) or not (number.isascii() and number.isdigit() and int(number)):
        known = ", ".join(queries.tables(experiment))
        raise ConfigError(
            f"row: {row!r} is not TABLE:NUMBER with a number of at least 1 and a table of {known}"
        )
    read_row(table_path(experiment.name, table), int(number))
    return {"table": table, "number": int(number), "variant": ""}


def resolved_path(experiment: str) -> Path:
    """Path of the resolved experiment."""
    return RESULTS / experiment / "experiment.json"


def table_path(experiment: str, table: str) -> Path:
    """Path of a table."""
    return RESULTS / experiment / "tables" / f"{table}.csv"


def read_row(table: Path, number: int) -> Row:
    """One row of a table, as text.

    Raises
    ------
    ConfigError
        If the table is missing or has fewer rows.
    """
    if not table.is_file():
        raise ConfigError(f"row: {table} is missing; run the experiment first")
    rows = read_rows(table)
    if number > len(rows):
        raise ConfigError(f"row: {table} has {len(rows)} rows, not {number}")
    return rows[number - 1]


def read_rows(table: Path) -> list[Row]:
    """All rows of a table, as text."""
    with Path(table).open(newline="") as file:
        return list(csv.DictReader(file))


def behind_row(records: Records, table: str, row: Row, controls: Mapping[str, Mapping[str, str]]) -> Chain:
    """The jobs that one row of a table depends on.

    Parameters
    ----------
    records : Records
        All records.
    table : str
        Path of the table.
    row : dict
        Its row.
    controls : mapping
        Name of a variant -> columns of controls (`earthdim.storage.schema.COUNTERPARTS`) -> the variant whose value is
        in that column of the same row.
    """
    roots = [table, *_dataset_named(records, row)]
    own = row.get("variant", "")
    others = {other for column, other in controls.get(own, {}).items() if row.get(column)}
    variants = {own, *others} - {""}

    def of_variants(path: str) -> bool:
        record = records.of.get(path)
        variant = record.wildcards.get("variant") if record is not None else None
        return not variants or variant is None or variant in variants

    # A variant has several tables of rows; the row depends only on those that contain it.
    read = _rows_read(chain(records, roots, of_variants))
    aside = {
        path
        for path, variant in read.items()
        if not _holds(path, row, KEYS if variant == own else CONTROL_KEYS)
    }
    if not {path for path, variant in read.items() if variant == own} - aside:
        aside = set()
    return chain(records, roots, lambda path: path not in aside and of_variants(path))


def _dataset_named(records: Records, row: Row) -> list[str]:
    """The store of the data set that a row of the list of data sets describes."""
    stores = (
        next(iter(record.outputs))
        for record in records
        if record.rule == "dataset" and record.wildcards.get("dataset") == row.get("dataset")
    )
    return list(stores) if "dataset" in row else []


def _rows_read(found: Chain) -> dict[str, str]:
    """Tables of single variants that were read for other tables -> the variant."""
    made = {path: record.wildcards.get("variant") for record in found.records for path in record.outputs}
    tables = (record for record in found.records if record.rule in ("table", "branch_table"))
    read = {path: made.get(path) for record in tables for path in record.inputs if path.endswith(".csv")}
    return {path: variant for path, variant in read.items() if variant is not None and Path(path).is_file()}


def _holds(path: str, row: Row, keys: Sequence[str]) -> bool:
    """Whether a table has a row that equals this one in all keys that both have."""
    return any(
        all(row[key] == other[key] for key in keys if key in row and key in other)
        for other in read_rows(path)
    )


def describe(question: Mapping[str, Any], experiment: Mapping[str, Any]) -> str:
    """Describe the origin of a row or a variant, as text.

    Parameters
    ----------
    question : mapping
        Result of `question`.
    experiment : mapping
        The resolved experiment, as stored.

    Raises
    ------
    ConfigError
        If the table is missing or has fewer rows.
    """
    records = read()
    lines, variant, found = _asked(records, question, experiment)
    variants = experiment["variants"]
    if variant in variants:
        config = yaml.safe_dump(variants[variant]["config"], sort_keys=True, width=110)
        lines += ["", f"{variant}, resolved config", *(f"    {line}" for line in config.splitlines())]
    lines += ["", f"{len(found.records)} jobs, from the data on"]
    wrong = 0
    for number, record in enumerate(found.records, start=1):
        findings = list(job_findings(records, record))
        wrong += len(findings)
        lines += [
            "",
            f"{number}. {record.title}",
            *_columns(_job(record) if record.sound else []),
            *_columns(_wrong(findings)),
        ]
    for path, title in found.unrecorded.items():
        lines += ["", f"NO RECORD of {path}" + (f", input of {title}" if title else "")]
    unsound = wrong + len(found.unrecorded)
    end = (
        f"{unsound} of the files above do NOT match their records"
        if unsound
        else "All files match their records"
    )
    return "\n".join([*lines, "", f"{end}."])


def _asked(
    records: Records, question: Mapping[str, Any], experiment: Mapping[str, Any]
) -> tuple[list[str], str, Chain]:
    """The row as text, its variant, and the jobs it depends on."""
    name = experiment["name"]
    if question["variant"]:
        of = [record for record in records if record.wildcards.get("variant") == question["variant"]]
        here = [record for record in of if record.wildcards.get("experiment", name) == name]
        return [], question["variant"], chain(records, [next(iter(record.outputs)) for record in here])
    table = table_path(name, question["table"])
    row = read_row(table, question["number"])
    controls = {
        variant: {column: known[name] for name, column in COUNTERPARTS.items()}
        for variant, known in experiment["variants"].items()
    }
    cells = _columns((key, value) for key, value in row.items() if value)
    found = behind_row(records, str(table), row, controls)
    return [f"{table}, row {question['number']}", *cells], row.get("variant", ""), found


def _columns(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Aligned lines of names and values."""
    pairs = list(pairs)
    width = max((len(name) for name, _ in pairs), default=0)
    return [f"    {name:<{width}}  {value}" for name, value in pairs]


def _job(record: Record) -> Iterator[tuple[str, str]]:
    content = record.content
    about = content["config"].get("about", {}) if record.rule == "dataset" else {}
    yield from (
        (key, about[key]) for key in ("title", "package", "source", "licence", "citation") if key in about
    )
    for path, written in record.outputs.items():
        yield "output", f"{path}, sha256 {written['sha256']}"
    for path, digest in record.inputs.items():
        if not is_result(path):
            yield "input", f"user file {path}, sha256 {digest}"
    yield "config", f"digest {config_digest(content['config'])}, in {record.path}"
    yield "code", f"digest {content['code']} ({len(content['code_files'])} files, listed in the record)"
    versions = ", ".join(f"{name} {number}" for name, number in content["libraries"].items())
    packages = environment_path(content["environment"])
    yield "packages", f"{versions}; all: {packages}" if versions else f"all: {packages}"
    yield "git", environment.describe(content["git"])
    machine = content["machine"]
    yield "machine", f"{machine['host']}, {machine['cpu']}, {machine['platform']}, Python {machine['python']}"
    yield "time", f"{content['begun']} to {content['ended']}"


def _wrong(findings: Iterable[Finding]) -> Iterator[tuple[str, str]]:
    yield from (("NOT SOUND", f"{finding.path}: {finding.what}") for finding in findings)
