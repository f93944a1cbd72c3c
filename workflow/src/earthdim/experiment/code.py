"""Digests of the code that a job runs, and versions of libraries.

Snakemake detects changes of a script, but not of the modules that the script imports. Each rule therefore has
a digest of its code as a parameter: of the syntax trees, without docstrings, of the script, of every `_target_` in its
part of the config (objects built by name appear in no import), and of all modules of the package that these import.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from earthdim.storage import python_source
from earthdim.storage.digests import digest

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
    "earthdim.provenance",
    "earthdim.storage",
)


def targets(value: object) -> Iterator[str]:
    """Every `_target_` inside nested mappings and lists."""
    if isinstance(value, Mapping):
        if isinstance(value.get("_target_"), str):
            yield value["_target_"]
        for item in value.values():
            yield from targets(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from targets(item)


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


@cache
def _parse(path: Path, modified: int) -> tuple[str, tuple[str, ...]]:
    """Digest of a file's code and the dotted names that it imports; `modified` distinguishes versions in the cache."""
    tree = python_source.parse(path)
    return python_source.code_digest(tree), tuple(python_source.imported_names(tree))


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
