"""Write an experiment with all its dependencies into one tar file, which extracts to an up-to-date project."""

import base64
import binascii
import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earthdim.encoders.released import sources
from earthdim.jobs.runs import STATE
from earthdim.provenance.chain import Record, Records, chain, read
from earthdim.provenance.contents import ENGINE_MARK, RESULTS
from earthdim.provenance.crate import Part, describe
from earthdim.provenance.environment import DECISIVE, ROOT
from earthdim.provenance.record import FOLDER, environment_path
from earthdim.storage.atomic import publish
from earthdim.storage.digests import file_digest

METADATA = Path("ro-crate-metadata.json")
ENGINE = STATE / "metadata"
# Files of a checkout that do not affect results but belong to an archive.
DOCUMENTS = ("README.md", "DATA.md", "LICENSE", "CITATION.cff", "pyproject.toml")
MADE_BY_PYTHON = ("__pycache__", ".egg-info")


class ArchiveError(RuntimeError):
    """The experiment cannot be archived."""


@dataclass(frozen=True)
class Archived:
    """An archive.

    Attributes
    ----------
    path : Path
        The tar file.
    files : int
        Number of files in it.
    outside : list of str
        User-supplied files outside the project, which are not in it.
    """

    path: Path
    files: int
    outside: list[str]


def archive(experiment: Mapping[str, Any], targets: Sequence[str]) -> Archived:
    """Write ``results/archives/<experiment>.tar``.

    Files keep their modification times, from which Snakemake derives what is up to date.

    Parameters
    ----------
    experiment : mapping
        The resolved experiment, as stored.
    targets : sequence of str
        Its final outputs, already verified.

    Raises
    ------
    ArchiveError
        If a link leads to a file outside the project.
    """
    name, records = experiment["name"], read()
    behind = _all_behind(records, name, targets)
    own, outside = _own(
        experiment, chain(records, [path for record in behind for path in record.outputs]).own
    )
    code = list(_code())
    made = list(_results(behind))
    parts = [*_described(code, own)]
    metadata = describe(name, experiment["settings"]["title"], behind, parts)
    files = {path.as_posix(): path for path in (*made, *own)} | {
        path.as_posix(): ROOT / path for path in code
    }
    for path in files.values():
        _check_inside(path)
    target = RESULTS / "archives" / f"{name}.tar"
    _write(target, json.dumps(metadata, indent=1, sort_keys=True) + "\n", dict(sorted(files.items())))
    return Archived(target, len(files) + 1, outside)


def _all_behind(records: Records, name: str, targets: Sequence[str]) -> list[Record]:
    """Records of all jobs of the experiment, including the report and the tables of single branches."""
    related = [
        path
        for path, record in records.of.items()
        if record.wildcards.get("experiment") == name and Path(path).exists()
    ]
    return chain(records, [*targets, *sorted(related)]).records


def _own(experiment: Mapping[str, Any], read_by_jobs: Iterable[str]) -> tuple[list[Path], list[str]]:
    """User-supplied files and fetched weights, inside and outside the project."""
    named = {Path(path) for path in read_by_jobs}
    for variant in experiment["variants"].values():
        named |= set(_weights(variant["config"]["weights"]))
    here = Path.cwd()
    relative = {path.relative_to(here) if path.is_relative_to(here) else path for path in named}
    outside = sorted(str(path) for path in relative if path.is_absolute() or ".." in path.parts)
    inside = [path for path in relative if str(path) not in outside]
    return sorted({file for path in inside for file in _files(path)}), outside


def _weights(leaf: Mapping[str, Any]) -> Iterator[Path]:
    """Files of released weights that are not part of a package: without them the experiment fails."""
    built = leaf.get("build", {})
    for part in (built, *built.values()):
        source = part.get("source") if isinstance(part, dict) else None
        if isinstance(source, dict) and "package" not in source:
            yield sources.locate(source)


def _code() -> Iterator[Path]:
    """Code, config, lock files and documents of the checkout."""
    for name in (*DECISIVE, *DOCUMENTS):
        if (ROOT / name).exists():
            for path in _files(ROOT / name):
                inside = path.relative_to(ROOT)
                if not any(part.endswith(MADE_BY_PYTHON) for part in inside.parts):
                    yield inside


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _results(records: Sequence[Record]) -> Iterator[Path]:
    """Outputs, records, logs, and Snakemake's metadata of the jobs."""
    outputs = {path for record in records for path in record.outputs}
    for record in records:
        for path, written in record.outputs.items():
            stores = [*written.get("files", []), ENGINE_MARK] if "files" in written else [""]
            yield from filter(Path.is_file, (Path(path) / name for name in stores))
        yield record.path
        below = record.path.relative_to(FOLDER)
        yield from filter(Path.is_file, [RESULTS / "logs" / below.with_suffix(".log")])
    yield from (environment_path(number) for number in {record.content["environment"] for record in records})
    yield from (path for path in _files(ENGINE) if _of_engine(path) in outputs)


def _of_engine(path: Path) -> str:
    """The output of a Snakemake metadata file, whose path is the output's name in base 64, split into folders."""
    parts = path.relative_to(ENGINE).parts
    text = "".join(part.removeprefix("@") for part in parts)
    try:
        return base64.urlsafe_b64decode(text).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _described(code: Sequence[Path], own: Sequence[Path]) -> Iterator[Part]:
    """Crate entries of the files that are not outputs of a job."""
    for path in code:
        is_script = path.parts[:2] == ("workflow", "scripts")
        if is_script or path.parts[0] == "envs":
            kind = {"@type": ["File", "SoftwareSourceCode"]} if is_script else {}
            yield Part(path.as_posix(), {**kind, "name": path.name, "sha256": file_digest(ROOT / path)})
    for path in own:
        yield Part(path.as_posix(), {"name": path.name, "sha256": file_digest(path)})
    for folder, name in (("config", "Configuration"), ("workflow", "Rules, scripts and the package")):
        yield Part(folder, {"name": name}, is_folder=True)
    yield Part(FOLDER.as_posix(), {"name": "Records of the jobs"}, is_folder=True)


def _check_inside(path: Path) -> None:
    """Reject links to files outside the project; the results folder itself may be a link."""
    real = path.resolve()
    allowed = (Path.cwd(), ROOT.resolve(), RESULTS.resolve())
    if not any(real.is_relative_to(folder) for folder in allowed):
        raise ArchiveError(f"{path}: is a link to {real}, outside the project")


def _write(target: Path, metadata: str, files: Mapping[str, Path]) -> None:
    with (
        publish(target) as partial,
        tarfile.open(partial, "w", format=tarfile.PAX_FORMAT, dereference=True) as tar,
    ):
        content = metadata.encode()
        first = tarfile.TarInfo(METADATA.as_posix())
        first.size, first.mode = len(content), 0o644
        first.mtime = max(int(path.stat().st_mtime) for path in files.values())
        tar.addfile(first, io.BytesIO(content))
        # Without this folder Snakemake treats its metadata as that of an old version.
        folder = tarfile.TarInfo(ENGINE.with_name("incomplete").as_posix())
        folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, 0o755, first.mtime
        tar.addfile(folder)
        for name, path in files.items():
            with path.open("rb") as file:
                tar.addfile(_entry(name, os.fstat(file.fileno())), file)


def _entry(name: str, status: os.stat_result) -> tarfile.TarInfo:
    """A regular file without owner, with its modification time in nanoseconds."""
    entry = tarfile.TarInfo(name)
    entry.size = status.st_size
    entry.mode = 0o755 if status.st_mode & 0o100 else 0o644
    entry.mtime = status.st_mtime
    seconds, nanoseconds = divmod(status.st_mtime_ns, 10**9)
    entry.pax_headers = {"mtime": f"{seconds}.{nanoseconds:09d}"}
    return entry
