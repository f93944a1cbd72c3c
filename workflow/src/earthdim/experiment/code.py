"""What made a number: digests of code, of config and of library versions.

A workflow engine sees that a script changed, not that a module which it imports did. Each rule therefore carries a
digest of the code that it runs: the syntax trees, without docstrings, of the script, of every `_target_` in its slice
of config (what is built by name is imported by nobody), and of all that these import inside the package.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from earthdim.storage.digests import digest

PACKAGE = Path(__file__).parents[1]


# Their changes are told by schema versions (artefacts) or change no number.
LEFT_OUT = (
    "earthdim.compiled",
    "earthdim.experiment.code",
    "earthdim.experiment.resolve",
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


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
            first = body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = body[1:] or [ast.Pass()]
    return tree


@cache
def _parse(path: Path, modified: int) -> tuple[str, tuple[str, ...]]:
    """Digest of a file's code and the dotted names that it imports (a changed file has another `modified`)."""
    tree = ast.parse(path.read_text(), filename=str(path))
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    code = ast.dump(_without_docstrings(tree), include_attributes=False)
    return hashlib.sha256(code.encode()).hexdigest(), tuple(names)


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
        # Importing a.b.c runs a.b's __init__ too. The package's own __init__ is a door for people, not for jobs.
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
    """Installed versions of the libraries that make a stage's numbers."""
    return {name: version(name) for name in sorted(names)}


def is_installed(package: str) -> bool:
    """Whether a distribution of this name is installed."""
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
