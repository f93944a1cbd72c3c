"""Read the records under results, and follow them from a file back to the data."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from earthdim.provenance.contents import RESULTS, Contents, contents, identity, recorded_identity
from earthdim.provenance.record import FOLDER, sealed

# Without these nobody could tell of what a record tells.
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
# Of the dictionaries in a record these hold text under every name.
_TEXTS = ("wildcards", "inputs", "libraries", "code_files", "machine")
_MACHINE = {"host", "platform", "cpu", "python"}


@dataclass(frozen=True)
class Record:
    """What one job left about itself.

    Attributes
    ----------
    path : Path
        Where it stands.
    said : dict
        What it says.
    sound : bool
        Whether it is whole, unaltered and in its own place.
    """

    path: Path
    said: dict[str, Any]
    sound: bool

    @property
    def rule(self) -> str:
        """The rule of the job."""
        return self.said["rule"]

    @property
    def wildcards(self) -> dict[str, str]:
        """The wildcards of the job."""
        return self.said["wildcards"]

    @property
    def outputs(self) -> dict[str, Contents]:
        """What it made: path -> digests."""
        return self.said["outputs"]

    @property
    def inputs(self) -> dict[str, str]:
        """What it read: path -> digest."""
        return self.said["inputs"]

    @property
    def title(self) -> str:
        """The job in words."""
        return " ".join([self.rule, *(f"{key}={value}" for key, value in self.wildcards.items())])


@dataclass
class Records:
    """All records, by what they tell of.

    Attributes
    ----------
    of : dict
        Path of an output -> the record of the job that made it last.
    unreadable : list of Path
        Files in the place of records that are none.
    """

    of: dict[str, Record] = field(default_factory=dict)
    unreadable: list[Path] = field(default_factory=list)

    def __iter__(self) -> Iterator[Record]:
        """Every record that still tells of some output."""
        return iter({record.path: record for record in self.of.values()}.values())


def read(folder: Path = FOLDER) -> Records:
    """Read all records below a folder.

    Where two tell of one output, as after a change of the rule that makes it, the later one counts.
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
    return record.sound, str(record.said.get("ended"))


def tells(path: Path, outputs: Iterable[Path], inputs: Iterable[Path]) -> bool:
    """Whether a record is there, sound, and tells of exactly these files as they are now.

    Parameters
    ----------
    path : Path
        Of the record.
    outputs, inputs : iterable of Path
        What was made, and of what; all are there.
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
        said = json.loads(path.read_bytes())
        seal = sealed(said)["seal"] if isinstance(said, dict) else None
    # Text that is no JSON, numbers that are none, or nested without end.
    except (ValueError, RecursionError):
        return None
    if seal is None or not _has(said, _LEAST) or not said["outputs"]:
        return None
    if seal == said.get("seal") and said.get("path") == path.as_posix() and _is_shaped(said):
        return Record(path, said, True)
    # It is told as altered. What else is read of it must at least be what readers take it for.
    kept = {name: _texts(said[name]) for name in ("wildcards", "inputs")}
    return Record(path, said | kept, False)


def _has(said: object, shape: Mapping[str, type]) -> bool:
    return isinstance(said, dict) and all(isinstance(said.get(key), kind) for key, kind in shape.items())


def _texts(found: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in found.items() if isinstance(value, str)}


def _is_shaped(said: dict[str, Any]) -> bool:
    """Whether a record has everything that is read of records, each of its kind; a new seal makes none right."""
    return (
        _has(said, _SHAPE)
        and all(_texts(said[name]) == said[name] for name in _TEXTS)
        and all(map(_is_contents, said["outputs"].values()))
        and said["machine"].keys() >= _MACHINE
        and _is_state(said["git"])
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
    """The jobs behind some files.

    Attributes
    ----------
    records : list of Record
        From the data to the files.
    unrecorded : dict
        Files under results that no record tells of -> title of the job that read them, or "".
    own : dict
        The user's own files that were read -> digest.
    """

    records: list[Record]
    unrecorded: dict[str, str]
    own: dict[str, str]


def chain(records: Records, paths: Iterable[str], keep: Callable[[str], bool] = lambda path: True) -> Chain:
    """Follow files back to the data.

    Parameters
    ----------
    records : Records
        All records.
    paths : iterable of str
        Where to begin.
    keep : callable
        Whether to follow an input; what concerns other variants than the one in question may be left out.
    """
    order: dict[Path, Record] = {}
    unrecorded: dict[str, str] = {}
    own: dict[str, str] = {}
    # A stack of records to open and, once all that they read is listed, to list: no recursion, whatever the depth.
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
            # What an altered record says it read may be false: it leads on, but blames no file.
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
    """Whether a path is one of ours, not a file of the user's own."""
    return Path(path).parts[:1] == RESULTS.parts


def stale_inputs(records: Records, record: Record) -> list[str]:
    """The inputs of a job that are recorded as another version than the one it read."""
    known = ((path, digest, records.of.get(path)) for path, digest in record.inputs.items())
    return [
        path
        for path, digest, maker in known
        if maker is not None and maker.sound and recorded_identity(maker.outputs[path]) != digest
    ]
