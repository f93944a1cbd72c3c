"""Hold the files of an experiment against their records, and say how to mend what is wrong."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from earthdim.provenance import environment
from earthdim.provenance.chain import Record, Records, chain, is_result, read, stale_inputs
from earthdim.provenance.contents import ENGINE_MARK, RESULTS, Contents, files_below, identity
from earthdim.provenance.record import environment_path, read_whole, report_files
from earthdim.storage.digests import digest, file_digest

# What a later job of the same run deletes: its absence is no damage.
TEMPORARY = frozenset({"candidates"})
# How commands begin that a person types in the project's root, where neither Snakemake nor Python need be installed.
RUN = "envs/run"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    path : str
        The file.
    what : str
        What is wrong with it.
    again : str
        The file whose job must run again, or "".
    command : str
        Another command that mends it, where no job does.
    """

    path: str
    what: str
    again: str = ""
    command: str = ""


@dataclass(frozen=True)
class Verified:
    """What was looked at, and what is wrong.

    Attributes
    ----------
    findings : list of Finding
        Empty when all is sound.
    jobs, files : int
        How many were held against their records.
    """

    findings: list[Finding]
    jobs: int
    files: int


def report_command(asked: Sequence[str]) -> str:
    """The command that writes the report and its record anew, which no job does."""
    return shlex.join([RUN, "python", "workflow/scripts/finish.py", "--fresh", "--config", *asked])


def run_command(asked: Sequence[str], *more: str) -> str:
    """The command that runs an experiment, with further arguments."""
    return shlex.join([RUN, "snakemake", "--cores", "1", "--config", *asked, *more])


def verify(experiment: str, targets: Sequence[str], asked: Sequence[str]) -> Verified:
    """Hold every file of an experiment against its record, below the working directory.

    Parameters
    ----------
    experiment : str
        Its name.
    targets : sequence of str
        What the experiment is to make; all else is found by following the records.
    asked : sequence of str
        The experiment as it was asked for, `key=value`.
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
        Finding(str(path), "is no whole record", command=_remove(path)) for path in records.unreadable
    ]
    for record in behind.records:
        findings += job_findings(records, record)
    findings += _environments(behind.records)
    mine = {record.path for record in behind.records}
    beside = [record for record in records if record.path not in mine and _concerns(record, experiment)]
    for record in beside:
        findings += _beside(records, record, report)
    # An altered record may name any folder.
    sound = (record.wildcards for record in behind.records if record.sound)
    variants = {wildcards["variant"] for wildcards in sound if "variant" in wildcards}
    folders = [
        RESULTS / "data",
        RESULTS / experiment,
        *(RESULTS / "variants" / name for name in sorted(variants)),
    ]
    findings += _strays(records, folders, report_files(experiment))
    looked = [*behind.records, *beside]
    return Verified(findings, len(looked), sum(map(_count, looked)))


def _without_record(path: str) -> str:
    return "has no record of what made it" if Path(path).exists() else "is not there"


def _count(record: Record) -> int:
    """How many files were held against a record: against an altered one none."""
    return sum(len(written.get("files", [0])) for written in record.outputs.values() if record.sound)


def job_findings(records: Records, record: Record) -> Iterator[Finding]:
    """What is wrong with a job's record, its outputs, and the versions of its inputs."""
    again = next(iter(record.outputs))
    if not record.sound:
        # It may name files that no job makes.
        there = (path for path in record.outputs if Path(path).exists())
        yield Finding(str(record.path), "was altered", next(there, again))
        return
    for path, written in record.outputs.items():
        if not (TEMPORARY & set(record.said["schema"]) and not Path(path).exists()):
            for damaged, what in _differences(Path(path), written):
                yield Finding(damaged, what, again)
    for path in stale_inputs(records, record):
        yield Finding(again, f"was made from another version of {path}", again)
    for path, digest_then in record.inputs.items():
        if not is_result(path) and (not Path(path).exists() or identity(Path(path)) != digest_then):
            yield Finding(again, f"was made from another version of your {path}", again)


def _environments(behind: Sequence[Record]) -> Iterator[Finding]:
    """Lists of packages that are not whole. A job writes that of its packages anew; of others, all their jobs must."""
    present = digest(environment.packages())
    users: dict[str, list[Record]] = {}
    for record in filter(lambda record: record.sound, behind):
        users.setdefault(record.said["environment"], []).append(record)
    for number, of in users.items():
        path = environment_path(number)
        if read_whole(path, number) is None:
            what = "was altered" if path.is_file() else "is not there"
            for record in of[-1:] if number == present else of:
                yield Finding(str(path), what, next(iter(record.outputs)))


def _differences(path: Path, written: Contents) -> Iterator[tuple[str, str]]:
    """Each file of an output that is not as it was written."""
    if "files" not in written:
        yield from _difference(path, written)
        return
    if not path.is_dir():
        yield str(path), "is not there"
        return
    there, then = files_below(path), written["files"]
    for name in sorted({*there, *then}):
        if name not in there:
            yield str(path / name), "is not there"
        elif name not in then:
            yield str(path / name), "does not belong to the store"
        elif there[name] != then[name]:
            yield str(path / name), "is not what was written"


def _difference(path: Path, written: Contents) -> Iterator[tuple[str, str]]:
    if not path.is_file():
        yield str(path), "is not there"
    elif path.stat().st_size != written["bytes"]:
        yield str(path), f"has {path.stat().st_size} bytes, not {written['bytes']}"
    elif file_digest(path) != written["sha256"]:
        yield str(path), "is not what was written"


def _concerns(record: Record, experiment: str) -> bool:
    return record.wildcards.get("experiment") == experiment


def _beside(records: Records, record: Record, report: str) -> Iterator[Finding]:
    """What is wrong with files of the experiment beside its tables and figures: the report, single branches.

    The report must be there, as every run ends with it. What else was asked for once and is gone is no damage.
    """
    there = [path for path in record.outputs if Path(path).exists()]
    if record.rule == "report":
        wanted, mend = list(record.outputs), report
    else:
        # What an altered record names may lie anywhere; nobody is told to remove that.
        ours = [path for path in there if is_result(path) and ".." not in Path(path).parts]
        wanted, mend = there, _remove(*ours, record.path)
    if not record.sound:
        yield Finding(str(record.path), "was altered", command=mend)
        return
    stale = stale_inputs(records, record)
    for path in wanted:
        for damaged, what in _differences(Path(path), record.outputs[path]):
            yield Finding(damaged, what, command=mend)
        for read_then in stale:
            yield Finding(path, f"was made from another version of {read_then}", command=mend)


def _remove(*paths: str | Path) -> str:
    return shlex.join(["rm", "-r", "--", *map(str, paths)])


def _strays(records: Records, folders: Iterable[Path], known: Sequence[Path]) -> Iterator[Finding]:
    """Other files in these folders that no record tells of; hidden ones are left over from killed jobs."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder).parts
            if path.is_dir() or path.name == ENGINE_MARK or any(part.startswith(".") for part in inside):
                continue
            if path in known:
                continue
            parents = (path, *path.parents)
            if not any(str(parent) in records.of for parent in parents):
                yield Finding(str(path), "has no record of what made it", command=_remove(path))


def told(verified: Verified, asked: Sequence[str]) -> str:
    """Findings and how to mend them, for a person.

    Parameters
    ----------
    verified : Verified
        What `verify` found.
    asked : sequence of str
        The experiment as it was asked for, `key=value`, and after them `--directory` and its value if that was given.
    """
    if not verified.findings:
        return f"sound: {verified.files} files of {verified.jobs} jobs are what their records say"
    groups: dict[str, dict[str, None]] = {}
    for finding in verified.findings:
        command = _in_the_root(finding.command, asked) or run_command(asked, "--forcerun", finding.again)
        groups.setdefault(command, {})[f"{finding.path}: {finding.what}"] = None
    lines = [line for command, found in groups.items() for line in (*found, f"    {command}")]
    again = list(dict.fromkeys(finding.again for finding in verified.findings if finding.again))
    if len(again) > 1:
        lines += ["all jobs at once:", f"    {run_command(asked, '--forcerun', *again)}"]
    number = len({finding.path for finding in verified.findings})
    return "\n".join([f"not sound: {number} files. What is wrong, and the command that mends it:", *lines])


def _in_the_root(command: str, asked: Sequence[str]) -> str:
    """Return a command that names files as one for the project's root, where people type it."""
    if not command.startswith("rm ") or "--directory" not in asked:
        return command
    folder = asked[list(asked).index("--directory") + 1]
    return f"(cd {shlex.quote(folder)} && {command})"
