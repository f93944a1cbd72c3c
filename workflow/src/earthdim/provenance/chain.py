"""Read the records under results and trace files back to their data."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from earthdim.provenance.contents import RESULTS, Contents, contents, identity, recorded_identity
from earthdim.provenance.record import FOLDER, sealed

# The keys without which a record cannot be assigned to any file.
_LEAST = {"rule": str, "wildcards": dict, "outputs": dict, "inputs": dict}
_SHAPE = {
    **_LEAST,
    "config": dict,
    "code": str,
    "schema": dict,
    "libraries": dict,
    "code_files": dict,
    "environment": str,
    "git": dict,
    "machine": dict,
    "begun": str,
    "ended": str,
}
# The dictionaries of a record whose values are all text.
_TEXTS = ("wildcards", "inputs", "libraries", "code_files", "machine")
_MACHINE = {"host", "platform", "cpu", "python"}


@dataclass(frozen=True)
class Record:
    """The record of one job.

    Attributes
    ----------
    path : Path
        Its file.
    content : dict
        Its content.
    sound : bool
        Whether it is complete, unmodified and at its own path.
    """

    path: Path
    content: dict[str, Any]
    sound: bool

    @property
    def rule(self) -> str:
        """The rule of the job."""
        return self.content["rule"]

    @property
    def wildcards(self) -> dict[str, str]:
        """The wildcards of the job."""
        return self.content["wildcards"]

    @property
    def outputs(self) -> dict[str, Contents]:
        """Path of each output -> its digests."""
        return self.content["outputs"]

    @property
    def inputs(self) -> dict[str, str]:
        """Path of each input -> its digest."""
        return self.content["inputs"]

    @property
    def title(self) -> str:
        """Rule and wildcards of the job as text."""
        return " ".join([self.rule, *(f"{key}={value}" for key, value in self.wildcards.items())])


@dataclass
class Records:
    """All records, by output.

    Attributes
    ----------
    of : dict
        Path of an output -> the record of the last job that wrote it.
    unreadable : list of Path
        Files in the records folder that are not valid records.
    """

    of: dict[str, Record] = field(default_factory=dict)
    unreadable: list[Path] = field(default_factory=list)

    def __iter__(self) -> Iterator[Record]:
        """Iterate over the records that are current for at least one output."""
        return iter({record.path: record for record in self.of.values()}.values())


def read(folder: Path = FOLDER) -> Records:
    """Read all records below a folder.

    If two records name the same output, as after a change of the rule that writes it, the later one is used; an
    unmodified record takes precedence over a modified one.
    """
    found = Records()
    for path in sorted(Path(folder).rglob("*.json")):
        if path.relative_to(folder).parts[0] == "environments":
            continue
        record = _read(path)
        if record is None:
            found.unreadable.append(path)
            continue
        for output in record.outputs:
            other = found.of.get(output)
            if other is None or _standing(other) <= _standing(record):
                found.of[output] = record
    return found


def _standing(record: Record) -> tuple[bool, str]:
    return record.sound, str(record.content.get("ended"))


def describes(path: Path, outputs: Iterable[Path], inputs: Iterable[Path]) -> bool:
    """Whether a record exists, is sound, and matches exactly these files in their present state.

    Parameters
    ----------
    path : Path
        The record.
    outputs, inputs : iterable of Path
        Existing files.
    """
    record = _read(path)
    return (
        record is not None
        and record.sound
        and record.outputs == {str(made): contents(made) for made in outputs}
        and record.inputs == {str(part): identity(part) for part in inputs}
    )


def _read(path: Path) -> Record | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
        seal = sealed(content)["seal"] if isinstance(content, dict) else None
    # Invalid JSON, invalid numbers, or JSON nested too deeply.
    except (ValueError, RecursionError):
        return None
    if seal is None or not _has(content, _LEAST) or not content["outputs"]:
        return None
    if seal == content.get("seal") and content.get("path") == path.as_posix() and _is_shaped(content):
        return Record(path, content, True)
    # Reported as modified. The values that are read nevertheless must have the expected types.
    kept = {name: _texts(content[name]) for name in ("wildcards", "inputs")}
    return Record(path, content | kept, False)


def _has(content: object, shape: Mapping[str, type]) -> bool:
    return isinstance(content, dict) and all(
        isinstance(content.get(key), kind) for key, kind in shape.items()
    )


def _texts(found: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in found.items() if isinstance(value, str)}


def _is_shaped(content: dict[str, Any]) -> bool:
    """Whether a record has all keys with values of the right type; a recomputed seal is not sufficient."""
    return (
        _has(content, _SHAPE)
        and all(_texts(content[name]) == content[name] for name in _TEXTS)
        and all(map(_is_contents, content["outputs"].values()))
        and content["machine"].keys() >= _MACHINE
        and _is_state(content["git"])
    )


def _is_contents(written: object) -> bool:
    if _has(written, {"sha256": str, "files": dict}):
        return _texts(written["files"]) == written["files"]
    return _has(written, {"sha256": str, "bytes": int}) and "files" not in written


def _is_state(git: dict[str, Any]) -> bool:
    if git.get("commit", 0) is None:
        return _has(git, {"why": str})
    return _has(git, {"commit": str, "dirty": bool}) and (not git["dirty"] or _has(git, {"diff": str}))


@dataclass(frozen=True)
class Chain:
    """The jobs that some files depend on.

    Attributes
    ----------
    records : list of Record
        Ordered from the data to the files.
    unrecorded : dict
        Files under results without a record -> title of the job that read them, or "".
    own : dict
        User-supplied files that were read -> digest.
    """

    records: list[Record]
    unrecorded: dict[str, str]
    own: dict[str, str]


def chain(records: Records, paths: Iterable[str], keep: Callable[[str], bool] = lambda path: True) -> Chain:
    """Trace files back to their data.

    Parameters
    ----------
    records : Records
        All records.
    paths : iterable of str
        The files to start from.
    keep : callable
        Whether to follow an input, for example to skip those of other variants.
    """
    order: dict[Path, Record] = {}
    unrecorded: dict[str, str] = {}
    own: dict[str, str] = {}
    # Depth-first with an explicit stack, as chains may exceed the recursion limit: a record is listed after its inputs.
    stack: list[tuple[Record, bool]] = []
    for path in paths:
        _push(records, path, "", stack, unrecorded)
    seen: set[Path] = set()
    while stack:
        record, listed = stack.pop()
        if listed:
            order[record.path] = record
            continue
        if record.path in seen:
            continue
        seen.add(record.path)
        stack.append((record, True))
        for path, digest in record.inputs.items():
            # The inputs of a modified record may be false: existing records are followed, missing ones not reported.
            if not record.sound and path not in records.of:
                continue
            if not is_result(path):
                own[path] = digest
            elif keep(path):
                _push(records, path, record.title, stack, unrecorded)
    return Chain(list(order.values()), unrecorded, own)


def _push(records: Records, path: str, title: str, stack: list, unrecorded: dict[str, str]) -> None:
    record = records.of.get(path)
    if record is None:
        unrecorded.setdefault(path, title)
    else:
        stack.append((record, False))


def is_result(path: str) -> bool:
    """Whether a path is a result of the workflow, not a user-supplied file."""
    return Path(path).parts[:1] == RESULTS.parts


def stale_inputs(records: Records, record: Record) -> list[str]:
    """The inputs of a job whose records describe another version than the one it read."""
    known = ((path, digest, records.of.get(path)) for path, digest in record.inputs.items())
    return [
        path
        for path, digest, maker in known
        if maker is not None and maker.sound and recorded_identity(maker.outputs[path]) != digest
    ]
