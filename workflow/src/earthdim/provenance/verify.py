"""Check the files of an experiment against their records, and report the commands that repair them."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from earthdim.provenance import environment
from earthdim.provenance.chain import Record, Records, chain, is_result, read, stale_inputs
from earthdim.provenance.contents import ENGINE_MARK, RESULTS, Contents, files_below, identity
from earthdim.provenance.record import environment_path, read_whole, report_files
from earthdim.storage.digests import digest, file_digest

# Artefacts that a later job of the same run deletes, so they may be missing.
TEMPORARY = frozenset({"candidates"})
# Prefix of the commands for the project's root; works without an installed Snakemake or Python.
RUN = "envs/run"


@dataclass(frozen=True)
class Finding:
    """One discrepancy.

    Attributes
    ----------
    path : str
        The file.
    what : str
        The discrepancy.
    again : str
        Output of the job that must be rerun, or "".
    command : str
        The repair command if rerunning a job does not repair it.
    """

    path: str
    what: str
    again: str = ""
    command: str = ""


@dataclass(frozen=True)
class Verified:
    """Result of a verification.

    Attributes
    ----------
    findings : list of Finding
        Empty if all files match their records.
    jobs, files : int
        Numbers of jobs and files that were checked.
    """

    findings: list[Finding]
    jobs: int
    files: int


def report_command(asked: Sequence[str]) -> str:
    """The command that rewrites the report and its record, which are not outputs of a job."""
    return shlex.join([RUN, "python", "workflow/scripts/finish.py", "--fresh", "--config", *asked])


def run_command(asked: Sequence[str], *more: str) -> str:
    """The command that runs an experiment with further arguments."""
    return shlex.join([RUN, "snakemake", "--cores", "1", "--config", *asked, *more])


def verify(experiment: str, targets: Sequence[str], asked: Sequence[str]) -> Verified:
    """Check every file of an experiment in the working directory against its record.

    Parameters
    ----------
    experiment : str
        Its name.
    targets : sequence of str
        The experiment's final outputs; all other files are found through the records.
    asked : sequence of str
        The config of the command line, `key=value`.
    """
    report = report_command(asked)
    records = read()
    behind = chain(records, targets)
    findings = [Finding(path, _without_record(path), again=path) for path in behind.unrecorded]
    findings += [
        Finding(path, _without_record(path), command=report)
        for path in map(str, report_files(experiment))
        if path not in records.of
    ]
    findings += [
        Finding(str(path), "is not a valid record", command=_remove(path)) for path in records.unreadable
    ]
    for record in behind.records:
        findings += job_findings(records, record)
    findings += _environments(behind.records)
    mine = {record.path for record in behind.records}
    related = [record for record in records if record.path not in mine and _concerns(record, experiment)]
    for record in related:
        findings += _related(records, record, report)
    # Only unmodified records are used: a modified one may name any folder.
    sound = (record.wildcards for record in behind.records if record.sound)
    variants = {wildcards["variant"] for wildcards in sound if "variant" in wildcards}
    folders = [
        RESULTS / "data",
        RESULTS / experiment,
        *(RESULTS / "variants" / name for name in sorted(variants)),
    ]
    findings += _strays(records, folders, report_files(experiment))
    checked = [*behind.records, *related]
    return Verified(findings, len(checked), sum(map(_count, checked)))


def _without_record(path: str) -> str:
    return "has no record" if Path(path).exists() else "is missing"


def _count(record: Record) -> int:
    """Number of files that a record covers; zero if the record was modified."""
    return sum(len(written.get("files", [0])) for written in record.outputs.values() if record.sound)


def job_findings(records: Records, record: Record) -> Iterator[Finding]:
    """Discrepancies of a job's record, its outputs, and the versions of its inputs."""
    again = next(iter(record.outputs))
    if not record.sound:
        # A modified record may name files that are not outputs of any job.
        there = (path for path in record.outputs if Path(path).exists())
        yield Finding(str(record.path), "was modified", next(there, again))
        return
    for path, written in record.outputs.items():
        if not (TEMPORARY & set(record.content["schema"]) and not Path(path).exists()):
            for damaged, what in _differences(Path(path), written):
                yield Finding(damaged, what, again)
    for path in stale_inputs(records, record):
        yield Finding(again, f"was made from another version of {path}", again)
    for path, digest_then in record.inputs.items():
        if not is_result(path) and (not Path(path).exists() or identity(Path(path)) != digest_then):
            yield Finding(again, f"was made from another version of the user file {path}", again)


def _environments(behind: Sequence[Record]) -> Iterator[Finding]:
    """Damaged package lists.

    Every job rewrites the list of the currently installed packages. Any other list is restored only by rerunning all
    jobs that used those packages.
    """
    present = digest(environment.packages())
    users: dict[str, list[Record]] = {}
    for record in filter(lambda record: record.sound, behind):
        users.setdefault(record.content["environment"], []).append(record)
    for number, of in users.items():
        path = environment_path(number)
        if read_whole(path, number) is None:
            what = "was modified" if path.is_file() else "is missing"
            for record in of[-1:] if number == present else of:
                yield Finding(str(path), what, next(iter(record.outputs)))


def _differences(path: Path, written: Contents) -> Iterator[tuple[str, str]]:
    """Each file of an output that differs from the record."""
    if "files" not in written:
        yield from _difference(path, written)
        return
    if not path.is_dir():
        yield str(path), "is missing"
        return
    there, then = files_below(path), written["files"]
    for name in sorted({*there, *then}):
        if name not in there:
            yield str(path / name), "is missing"
        elif name not in then:
            yield str(path / name), "does not belong to the store"
        elif there[name] != then[name]:
            yield str(path / name), "differs from its record"


def _difference(path: Path, written: Contents) -> Iterator[tuple[str, str]]:
    if not path.is_file():
        yield str(path), "is missing"
    elif path.stat().st_size != written["bytes"]:
        yield str(path), f"has {path.stat().st_size} bytes, its record {written['bytes']}"
    elif file_digest(path) != written["sha256"]:
        yield str(path), "differs from its record"


def _concerns(record: Record, experiment: str) -> bool:
    return record.wildcards.get("experiment") == experiment


def _related(records: Records, record: Record, report: str) -> Iterator[Finding]:
    """Discrepancies of the experiment's other files: the report and the tables of single branches.

    The report must exist, because every run writes it at its end. Tables of a branch may have been deleted.
    """
    there = [path for path in record.outputs if Path(path).exists()]
    if record.rule == "report":
        wanted, repair = list(record.outputs), report
    else:
        # A modified record may name any file, so the command removes only results.
        ours = [path for path in there if is_result(path) and ".." not in Path(path).parts]
        wanted, repair = there, _remove(*ours, record.path)
    if not record.sound:
        yield Finding(str(record.path), "was modified", command=repair)
        return
    stale = stale_inputs(records, record)
    for path in wanted:
        for damaged, what in _differences(Path(path), record.outputs[path]):
            yield Finding(damaged, what, command=repair)
        for read_then in stale:
            yield Finding(path, f"was made from another version of {read_then}", command=repair)


def _remove(*paths: str | Path) -> str:
    return shlex.join(["rm", "-r", "--", *map(str, paths)])


def _strays(records: Records, folders: Iterable[Path], known: Sequence[Path]) -> Iterator[Finding]:
    """Files in these folders without a record, except hidden ones, which killed jobs left behind."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder).parts
            if path.is_dir() or path.name == ENGINE_MARK or any(part.startswith(".") for part in inside):
                continue
            if path in known:
                continue
            parents = (path, *path.parents)
            if not any(str(parent) in records.of for parent in parents):
                yield Finding(str(path), "has no record", command=_remove(path))


def summary(verified: Verified, asked: Sequence[str]) -> str:
    """Findings and the commands that repair them, as text.

    Parameters
    ----------
    verified : Verified
        Result of `verify`.
    asked : sequence of str
        The config of the command line, `key=value`, followed by `--directory` and its value if given.
    """
    if not verified.findings:
        return f"sound: {verified.files} files of {verified.jobs} jobs match their records"
    groups: dict[str, dict[str, None]] = {}
    for finding in verified.findings:
        command = _in_the_root(finding.command, asked) or run_command(asked, "--forcerun", finding.again)
        groups.setdefault(command, {})[f"{finding.path}: {finding.what}"] = None
    lines = [line for command, found in groups.items() for line in (*found, f"    {command}")]
    again = list(dict.fromkeys(finding.again for finding in verified.findings if finding.again))
    if len(again) > 1:
        lines += ["all of these jobs in one command:", f"    {run_command(asked, '--forcerun', *again)}"]
    number = len({finding.path for finding in verified.findings})
    return "\n".join([f"not sound: {number} files. Each is followed by the command that repairs it:", *lines])


def _in_the_root(command: str, asked: Sequence[str]) -> str:
    """Convert a command with relative paths to one for the project's root."""
    if not command.startswith("rm ") or "--directory" not in asked:
        return command
    folder = asked[list(asked).index("--directory") + 1]
    return f"(cd {shlex.quote(folder)} && {command})"
