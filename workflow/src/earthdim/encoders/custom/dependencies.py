"""Check leaves of user-supplied encoders and list their files, without running the user's code."""

import ast
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any

from earthdim.data.coordinate_tables import TableError, kind_of
from earthdim.data.coordinate_tables.quantised import ALPHAEARTH, TESSERA, UNCHANGED, no_data_values

# Allowed values of the keys of a leaf.
WORDS = {
    "takes": ("lonlat", "latlon", "lon, lat", "lat, lon"),
    "array": ("numpy", "torch"),
    "order": ("lonlat", "latlon"),
    "units": ("degrees", "radians"),
    "dtype": ("float32", "float64"),
    "dequantise": (ALPHAEARTH, TESSERA, UNCHANGED),
}
# For exported networks these keys may be null, and half precision is allowed.
EXPORTED_WORDS = {
    **WORDS,
    "takes": (None, *WORDS["takes"]),
    "order": (None, *WORDS["order"]),
    "dtype": (None, "float16", "bfloat16", *WORDS["dtype"]),
}
OPTIONAL = ("array", "sha256", "places", "files", "dequantise", "no_data")
FUNCTION = "earthdim.encoders.custom.function.location_encoder"
TORCHSCRIPT, ONNX = "earthdim.encoders.custom.exported.torchscript", "earthdim.encoders.custom.exported.onnx"
TABLE = "earthdim.encoders.custom.table.embeddings"
# Target -> the key that names the user's file or callable, and the library that reads it.
SOURCES = {
    FUNCTION: ("callable", "torch"),
    TORCHSCRIPT: ("file", "torch"),
    ONNX: ("file", "onnxruntime"),
    TABLE: ("file", "pyarrow"),
}
MANIFEST = "embeddings.zarr"
# Results folder, whose stores are identified by their manifests.
RESULTS = "results"


def check(leaf: Mapping[str, Any], name: str) -> None:
    """Check a leaf of the kind `own` or `table` before any job starts.

    Parameters
    ----------
    leaf : mapping
        The leaf of config/weights.
    name : str
        Its file name; errors start with the key, ``weights.<name>.<key>``.

    Raises
    ------
    ValueError
        If a value is invalid, a file or module does not exist, or the library that reads it is not installed.
    """
    key = f"weights.{name}"
    target = leaf.get("_target_")
    if target not in SOURCES:
        raise ValueError(f"{key}._target_: {target!r} is not one of {', '.join(SOURCES)}")
    is_table = target == TABLE
    if "kind" in leaf and (leaf["kind"] == "table") != is_table:
        raise ValueError(f"{key}.kind: {target} needs kind: {'table' if is_table else 'own'}")
    source, library = SOURCES[target]
    if not isinstance(leaf.get(source), str):
        raise ValueError(f"{key}.{source}: must be a string, not {leaf.get(source)!r}")
    check_values(leaf, key, EXPORTED_WORDS if target in (TORCHSCRIPT, ONNX) else WORDS)
    if find_spec(library) is None:
        raise ValueError(f"{key}._target_: {target} needs the package {library}, which is not installed")
    for file in leaf.get("files") or ():
        if not Path(file).is_file():
            raise ValueError(f"{key}.files: {file} does not exist")
    if source == "callable":
        module, _ = split_callable(leaf[source], f"{key}.{source}")
        try:
            found = _imported_files(module)
        except SyntaxError as error:
            raise ValueError(f"{key}.{source}: {error.filename}, line {error.lineno}: {error.msg}") from error
        if not found:
            raise ValueError(f"{key}.{source}: {missing_module(module)}")
        return
    path = Path(leaf[source])
    if not path.exists():
        raise ValueError(f"{key}.{source}: {path} does not exist")
    if is_table:
        _check_kind(path, f"{key}.{source}")


def _check_kind(path: Path, key: str) -> None:
    try:
        kind_of(path)
    except TableError as error:
        raise ValueError(f"{key}: {error}") from error


def check_values(
    values: Mapping[str, Any], key: str = "weights", words: Mapping[str, Sequence[Any]] = WORDS
) -> None:
    """Check the keys of a leaf that have the same meaning for every target.

    Parameters
    ----------
    values : mapping
        Keys and values of the leaf.
    key : str
        Prefix of the keys in errors.
    words : mapping
        Key -> allowed values: `WORDS`, or `EXPORTED_WORDS` for an exported network.

    Raises
    ------
    ValueError
        For the first invalid value.
    """
    for name, value in values.items():
        if value is None and name in OPTIONAL:
            continue
        if name in words and value not in words[name]:
            known = " | ".join("null" if word is None else word for word in words[name])
            raise ValueError(f"{key}.{name}: {value!r} is not one of {known}")
        if name == "batch" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise ValueError(f"{key}.batch: must be a positive whole number, not {value!r}")
        if name == "sha256" and not (isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value)):
            raise ValueError(f"{key}.sha256: must be 64 lower-case hexadecimal digits, not {value!r}")
        if name == "files" and not (
            isinstance(value, list | tuple) and all(isinstance(file, str) for file in value)
        ):
            raise ValueError(f"{key}.files: must be a list of file names, not {value!r}")
        if name == "no_data":
            try:
                no_data_values(value)
            except ValueError as error:
                raise ValueError(f"{key}.{error}") from None
        if name == "places" and not _are_places(value):
            raise ValueError(
                f"{key}.places: must be two or more distinct pairs [longitude, latitude], degrees"
            )


def _are_places(value: Any) -> bool:
    """Whether a value lists two or more distinct pairs of degrees."""
    pairs = value if isinstance(value, list | tuple) else [None]
    numbers = all(
        isinstance(pair, list | tuple)
        and len(pair) == 2
        and all(isinstance(number, int | float) for number in pair)
        and abs(pair[0]) <= 180
        and abs(pair[1]) <= 90
        for pair in pairs
    )
    return numbers and len({tuple(pair) for pair in pairs}) > 1


def split_callable(callable: str, key: str = "weights.callable") -> tuple[str, str]:
    """Split ``module:callable`` into the module and the name inside it.

    Raises
    ------
    ValueError
        If the string does not have that form.
    """
    module, colon, name = callable.partition(":") if isinstance(callable, str) else ("", "", "")
    parts = [*module.split("."), *name.split(".")]
    if not colon or not all(part.isidentifier() for part in parts):
        raise ValueError(
            f"{key}: {callable!r} must have the form module:callable, such as my_package.encoders:embed"
        )
    return module, name


def missing_module(module: str) -> str:
    """Message for a module that cannot be found."""
    return f"there is no module {module!r} in the working directory or the environment"


def files(leaf: Mapping[str, Any]) -> list[str]:
    """List the files that a leaf depends on.

    For a callable: its module, all modules that it imports by statements from the same folder or package, and the
    leaf's `files`. For an ONNX file: also its external data file of the same name. For a Zarr group: all of its files,
    or only the manifest of a store of embeddings below the results folder.

    Parameters
    ----------
    leaf : mapping
        A leaf that passed `check`.

    Returns
    -------
    list of str
        Sorted; relative to the working directory for files inside it.
    """
    source, _ = SOURCES[leaf["_target_"]]
    if source == "callable":
        module, _ = split_callable(leaf[source])
        found = _imported_files(module)
    else:
        found = set(stored(Path(leaf[source])))
    found |= set(map(Path, leaf.get("files") or ()))
    here = Path.cwd()
    return sorted(str(path.relative_to(here) if path.is_relative_to(here) else path) for path in found)


def stored(path: Path) -> Iterator[Path]:
    """List the files of a path: the file itself, or all files of a folder (a Zarr store, parts of a Parquet table).

    A folder's modification time does not change when a file inside it does.
    """
    manifest = path.with_suffix(".json")
    if not path.is_dir():
        yield path
        # The name that torch gives to weights exported to a separate file.
        data = path.with_name(f"{path.name}.data")
        if path.suffix == ".onnx" and data.is_file():
            yield data
    elif path.name == MANIFEST and manifest.is_file() and is_result(path):
        yield manifest
    else:
        yield from _below(path, frozenset())


def is_result(path: Path) -> bool:
    """Whether a file lies in the results folder, where the workflow itself tracks changes."""
    return Path(os.path.abspath(path)).is_relative_to(Path.cwd() / RESULTS)


def _below(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    """All files below a folder, following links as readers do, but not links to a parent folder."""
    real = os.path.realpath(folder)
    for path in sorted(folder.iterdir()) if real not in above else ():
        if path.is_dir():
            yield from _below(path, above | {real})
        elif path.is_file() and path.name != ".snakemake_timestamp":
            yield path


def _specs(module: str, folders: Sequence[str] | None) -> list[ModuleSpec]:
    """Specs of a dotted module and its parent packages; empty if the module does not exist.

    Nothing is imported, whereas `importlib.util.find_spec` imports the parent packages. A folder without
    ``__init__.py`` can contain modules but is not one.
    """
    names = list(accumulate(module.split("."), lambda above, part: f"{above}.{part}"))
    spec = PathFinder.find_spec(names[0], folders) if folders is not None else find_spec(names[0])
    found = [spec] if spec is not None else []
    for name in names[1:]:
        if not found or found[-1].submodule_search_locations is None:
            return []
        spec = PathFinder.find_spec(name, list(found[-1].submodule_search_locations))
        found = [*found, spec] if spec is not None else []
    return found if found and found[-1].has_location else []


def _imported_files(module: str) -> set[Path]:
    """Files of a module and of its imports from the working directory, or else from its own package.

    The working directory takes precedence over the environment, as for `python -m`. Empty if the module does not exist.
    """
    top = module.partition(".")[0]
    here = [str(Path.cwd())]
    folders = here if _specs(module, here) else None
    files: set[Path] = set()
    seen: set[str] = set()
    queue = [module]
    while queue:
        name = queue.pop()
        if name in seen or (folders is None and name.partition(".")[0] != top):
            continue
        seen.add(name)
        for spec in _specs(name, folders):
            path = Path(spec.origin) if spec.has_location else None
            if path is not None and path not in files:
                files.add(path)
                queue += _imports(path, spec)
    return files


def _imports(path: Path, spec: ModuleSpec) -> list[str]:
    """Dotted names that a source file imports."""
    if path.suffix != ".py":
        return []
    package = spec.name if spec.submodule_search_locations is not None else spec.name.rpartition(".")[0]
    names = []
    for node in ast.walk(ast.parse(path.read_bytes(), filename=str(path))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [name for name in names if all(name.split("."))]
