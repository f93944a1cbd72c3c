"""Digests of the code that a job runs, and versions of libraries.

Snakemake detects changes of a script, but not of the modules that the script imports. Each rule therefore has
a digest of its code as a parameter: of the syntax trees, without docstrings, of the script, of every `_target_` in its
part of the config (objects built by name appear in no import), and of all modules of the package that these import.

Parsing takes longer than reading. What was found in a file is therefore kept for the processes of all jobs, by the
digest of the file's bytes.
"""

import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from earthdim.storage import python_source
from earthdim.storage.digests import digest, file_digest
from earthdim.storage.files import read_json, write_json

PACKAGE = Path(__file__).parents[1]


# Schema versions cover changes of these modules, or their changes affect no number.
LEFT_OUT = (
    "earthdim.compiled",
    "earthdim.experiment.code",
    "earthdim.experiment.resolve",
    "earthdim.experiment.signatures",
    "earthdim.experiment.targets",
    "earthdim.experiment.validation",
    "earthdim.jobs",
    "earthdim.progress",
    "earthdim.provenance",
    "earthdim.storage",
)


def targets(value: object) -> list[str]:
    """Every `_target_` inside nested dicts and lists, in their order."""
    found: list[str] = []
    _collect(value, found)
    return found


def _collect(value: object, found: list[str]) -> None:
    # Planning calls this for each value of thousands of configs: nested generators take twice as long.
    if isinstance(value, dict):
        target = value.get("_target_")
        if isinstance(target, str):
            found.append(target)
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    for item in value:
        if isinstance(item, dict | list | tuple):
            _collect(item, found)


def module_file(name: str, root: Path = PACKAGE) -> Path | None:
    """The file of a module of the package, or None when the dotted name is not one."""
    parts = name.split(".")
    if parts[0] != "earthdim":
        return None
    path = root.joinpath(*parts[1:])
    for candidate in (
        path.with_suffix(".py") if len(parts) > 1 else path / "__init__.py",
        path / "__init__.py",
    ):
        if candidate.is_file():
            return candidate
    return None


class Sources:
    """What is found in source files, by the digest of their bytes.

    Parameters
    ----------
    cache : path, optional
        A file that shares it with other processes. A damaged or read-only cache only costs time.
    """

    def __init__(self, cache: Path | None = None):
        self._cache, self._new = cache, False
        self._known: dict[str, list] = self._load()

    def of(self, path: Path) -> tuple[str, tuple[str, ...]]:
        """Digest of a file's code, and the dotted names that it imports."""
        key = file_digest(path)
        if key not in self._known:
            tree = python_source.parse(path)
            names = python_source.imported_names(tree)
            self._known[key] = [python_source.code_digest(tree), names]
            self._new = True
        code, names = self._known[key]
        return code, tuple(names)

    def _load(self) -> dict[str, list]:
        if self._cache is None:
            return {}
        try:
            kept = read_json(self._cache)
            return kept["files"] if kept["by"] == _parser() and _is_sound(kept["files"]) else {}
        # Missing, from another version, or damaged.
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return {}

    def save(self) -> None:
        """Write the cache if a file was parsed."""
        if self._new and self._cache is not None:
            # A full or read-only disk only means that the files are parsed again.
            with suppress(OSError):
                write_json({"by": _parser(), "files": self._known}, self._cache)
            self._new = False


def _parser() -> str:
    """What a digest of code depends on besides the file: the version of Python's grammar, and the parsing module."""
    return f"{sys.version} {file_digest(Path(python_source.__file__))}"


def _is_sound(files: Any) -> bool:
    return isinstance(files, dict) and all(
        isinstance(entry, list)
        and len(entry) == 2
        and isinstance(entry[0], str)
        and isinstance(entry[1], list)
        for entry in files.values()
    )


SOURCES = Sources()
"""Source files that this process has read."""


def keep(cache: Path) -> None:
    """Share the source files of this process with others through a cache file; `SOURCES.save` writes it."""
    global SOURCES
    SOURCES = Sources(cache)


@cache
def _parse(path: Path, modified: int) -> tuple[str, tuple[str, ...]]:
    """Digest of a file's code and the dotted names that it imports; `modified` distinguishes versions in the cache."""
    return SOURCES.of(path)


def _left_out(name: str) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in LEFT_OUT)


def code_files(script: Path, built: Iterable[str] = (), root: Path = PACKAGE) -> dict[str, str]:
    """Digest of every file that a job runs.

    Parameters
    ----------
    script : path
        The rule's script.
    built : iterable of str
        `_target_` values, dotted paths of objects.
    root : path
        The package's folder.

    Returns
    -------
    dict
        Module name (or the script's file name) -> digest of its code.
    """
    found: dict[str, str] = {}
    queue = [(script.name, script)]
    queue += [(name.rpartition(".")[0], module_file(name.rpartition(".")[0], root)) for name in built]
    while queue:
        name, path = queue.pop()
        if path is None or name == "earthdim" or name in found or _left_out(name):
            continue
        found[name], imports = _parse(path, path.stat().st_mtime_ns)
        # Importing a.b.c runs a.b's __init__ too. The top-level __init__ is for library users, not jobs.
        parent = name.rpartition(".")[0]
        if parent.startswith("earthdim."):
            queue.append((parent, module_file(parent, root)))
        queue += [(imported, module_file(imported, root)) for imported in imports]
    return dict(sorted(found.items()))


def code_digest(script: Path, built: Iterable[str] = (), root: Path = PACKAGE) -> str:
    """One digest of all the code that a job runs; see `code_files`."""
    return digest(code_files(script, built, root))


@cache
def library_versions(names: tuple[str, ...]) -> dict[str, str]:
    """Installed versions of the libraries that a stage's numbers depend on."""
    return {name: version(name) for name in sorted(names)}


def is_installed(package: str) -> bool:
    """Whether a distribution of this name is installed."""
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
