"""What a user's leaf depends on, found and checked without running anything of theirs."""

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
from earthdim.data.coordinate_tables.quantised import ALPHAEARTH, AS_IT_IS, TESSERA, no_data_values

# What the words in a leaf may be.
WORDS = {
    "takes": ("lonlat", "latlon", "lon, lat", "lat, lon"),
    "array": ("numpy", "torch"),
    "order": ("lonlat", "latlon"),
    "units": ("degrees", "radians"),
    "dtype": ("float32", "float64"),
    "dequantise": (ALPHAEARTH, TESSERA, AS_IT_IS),
}
# An exported network may say none of these, and may want half the precision.
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
# The key that says where what the user brings is, and the library that reads it.
SOURCES = {
    FUNCTION: ("callable", "torch"),
    TORCHSCRIPT: ("file", "torch"),
    ONNX: ("file", "onnxruntime"),
    TABLE: ("file", "pyarrow"),
}
MANIFEST = "embeddings.zarr"
# Where the workflow's own stores stand, which it knows by their manifests.
RESULTS = "results"


def check(leaf: Mapping[str, Any], name: str) -> None:
    """Check a leaf of the kind `own` or `table` before any work.

    Parameters
    ----------
    leaf : mapping
        The leaf of config/weights.
    name : str
        Its file name; errors name the keys ``weights.<name>.<key>``.

    Raises
    ------
    ValueError
        If a value cannot be right, a file or module is not there, or the library that reads it is not installed.
    """
    key = f"weights.{name}"
    target = leaf.get("_target_")
    if target not in SOURCES:
        raise ValueError(f"{key}._target_: {target!r} is none of {', '.join(SOURCES)}")
    is_table = target == TABLE
    if "kind" in leaf and (leaf["kind"] == "table") != is_table:
        raise ValueError(f"{key}.kind: {target} makes {'a table' if is_table else 'an encoder, kind: own'}")
    source, library = SOURCES[target]
    if not isinstance(leaf.get(source), str):
        raise ValueError(f"{key}.{source}: must be a text, not {leaf.get(source)!r}")
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
            raise ValueError(f"{key}.{source}: {no_module(module)}")
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
    """Check those keys of a leaf whose meaning is the same for every target.

    Parameters
    ----------
    values : mapping
        Of the leaf.
    key : str
        What errors call it.
    words : mapping
        Key -> what its value may be: `WORDS`, or `EXPORTED_WORDS` for an exported network.

    Raises
    ------
    ValueError
        For the first wrong one, named below `key`.
    """
    for name, value in values.items():
        if value is None and name in OPTIONAL:
            continue
        if name in words and value not in words[name]:
            known = " | ".join("null" if word is None else word for word in words[name])
            raise ValueError(f"{key}.{name}: {value!r} is none of {known}")
        if name == "batch" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise ValueError(f"{key}.batch: must be a positive whole number, not {value!r}")
        if name == "sha256" and not (isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value)):
            raise ValueError(f"{key}.sha256: must be 64 lower-case hexadecimal digits, not {value!r}")
        if name == "files" and not (
            isinstance(value, list | tuple) and all(isinstance(file, str) for file in value)
        ):
            raise ValueError(f"{key}.files: must be a list of files, not {value!r}")
        if name == "no_data":
            try:
                no_data_values(value)
            except ValueError as error:
                raise ValueError(f"{key}.{error}") from None
        if name == "places" and not _are_places(value):
            raise ValueError(f"{key}.places: must be two or more different [longitude, latitude] in degrees")


def _are_places(value: Any) -> bool:
    """Whether a value lists two or more different pairs of degrees."""
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
    """The module and the name inside it of ``module:callable``.

    Raises
    ------
    ValueError
        If the text is not of that form.
    """
    module, colon, name = callable.partition(":") if isinstance(callable, str) else ("", "", "")
    parts = [*module.split("."), *name.split(".")]
    if not colon or not all(part.isidentifier() for part in parts):
        raise ValueError(f"{key}: {callable!r} must read module:callable, such as my_package.encoders:embed")
    return module, name


def no_module(module: str) -> str:
    """What is wrong with a module that nobody has."""
    return f"there is no module {module!r} in the working directory or the environment"


def files(leaf: Mapping[str, Any]) -> list[str]:
    """List the files that a leaf depends on.

    Of a callable these are its module, all modules beside it that it imports by a statement, and the leaf's `files`; of
    an ONNX file also external data of the same name; of a Zarr group all of its files, or the manifest that stands
    beside a store of embeddings among the results here.

    Parameters
    ----------
    leaf : mapping
        A leaf that `check` passed.

    Returns
    -------
    list of str
        Relative to the working directory, where they are inside it; sorted.
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
    """The files that a path stands for: itself, or all of a folder's, be it a Zarr store or parts of a Parquet table.

    A folder's own time tells nothing of what is in it.
    """
    manifest = path.with_suffix(".json")
    if not path.is_dir():
        yield path
        # The name that torch gives to weights which it exports beside the graph.
        data = path.with_name(f"{path.name}.data")
        if path.suffix == ".onnx" and data.is_file():
            yield data
    elif path.name == MANIFEST and manifest.is_file() and is_result(path):
        yield manifest
    else:
        yield from _below(path, frozenset())


def is_result(path: Path) -> bool:
    """Whether a file stands among the results below the working directory, where the workflow knows what changed."""
    return Path(os.path.abspath(path)).is_relative_to(Path.cwd() / RESULTS)


def _below(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    """All files below a folder, in folders behind links too, which readers follow; a link that leads back is not."""
    real = os.path.realpath(folder)
    for path in sorted(folder.iterdir()) if real not in above else ():
        if path.is_dir():
            yield from _below(path, above | {real})
        elif path.is_file() and path.name != ".snakemake_timestamp":
            yield path


def _specs(module: str, folders: Sequence[str] | None) -> list[ModuleSpec]:
    """The specs of a dotted module and of the packages around it, or none if there is no such module.

    Nothing is imported: the standard library's own search would import the packages around a module. A folder without
    ``__init__.py`` is a way to a module, not one.
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
    """Files of a module and of what it imports from where it stands: the working directory, or its own package.

    The working directory comes before the environment, as for `python -m`. No files if there is no such module.
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
    """The dotted names that a source file imports."""
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
