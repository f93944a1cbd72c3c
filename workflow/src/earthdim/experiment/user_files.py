"""A user's own files while an experiment is planned: what headers, metadata and coordinates tell, no more.

What takes long stays with the jobs: values of rasters and features, sums of checkpoints, what an encoder gives.
"""

import ast
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from earthdim.encoders.custom.dependencies import FUNCTION, ONNX, TABLE, TORCHSCRIPT
from earthdim.encoders.released import sources
from earthdim.experiment import external
from earthdim.experiment.model import Experiment, Plain
from earthdim.experiment.validation import ConfigError
from earthdim.storage import file_digests

RASTER = "earthdim.data.datasets.files.raster_file"
POLYGON = "earthdim.data.samples.polygons.polygon"
# What numcodecs, and Zarr's format 3, call the codec that runs what it reads.
_PICKLES = ("pickle", "numcodecs.pickle")
# Snakemake reads braces in a path as a wildcard.
_UNSAFE = re.compile(r"[{}\x00-\x1f]")


def check(experiment: Experiment) -> None:
    """Look at every file of the user's own that an experiment names.

    Parameters
    ----------
    experiment : Experiment
        Resolved; that the files exist is known.

    Raises
    ------
    ConfigError
        For the first file that a job could not read, naming the key and the file.
    """
    for name, leaf in experiment.datasets.items():
        if leaf["_target_"] == RASTER:
            _check(f"dataset.{name}", leaf["path"], _raster, leaf)
    of_tables = set(experiment.own_points.values())
    roles = {experiment.task_points: "task_sample", **dict.fromkeys(experiment.sample_points, "sample")}
    for name, leaf in experiment.points.items():
        if name not in of_tables and leaf["_target_"] in (external.POINTS, POLYGON):
            look = _places if leaf["_target_"] == external.POINTS else _polygon
            _check(f"{roles.get(name, 'scale.supports')}.path", leaf["path"], look, leaf)
    names = external.leaves(experiment.settings)
    for variant in experiment.variants.values():
        weights = variant.config["weights"]
        key = f"weights.{names.get(variant.name, variant.name)}"
        for file in weights.get("files") or ():
            _check_path(file, f"{key}.files")
        if weights.get("_target_") == TABLE:
            _check(f"{key}.file", weights["file"], _table, weights)
        elif weights.get("_target_") in (TORCHSCRIPT, ONNX):
            _check(f"{key}.file", weights["file"], _exported, weights)
        elif weights.get("_target_") == FUNCTION:
            _check_callable(weights["callable"], f"{key}.callable")
        elif variant.kind == "released":
            for name, part in (("", weights), (".database", weights.get("database", {}))):
                if set(part.get("source", {})) == {"file"}:
                    _check(f"{key}{name}.source.file", part["source"]["file"], _checkpoint, part)


def _check(key: str, path: str, look: Callable[[Plain], None], leaf: Mapping[str, Any]) -> None:
    """Let `look` at a file that can be read and holds something; its refusal names the key."""
    _check_path(path, key)
    if not os.access(path, os.R_OK):
        raise ConfigError(f"{key}: {path} may not be read by you")
    if Path(path).is_file() and not Path(path).stat().st_size:
        raise ConfigError(f"{key}: {path} is empty")
    try:
        _refuse_pickles(Path(path))
        look(leaf)
    except (ValueError, OSError) as error:
        told = " ".join(str(error).split())
        raise ConfigError(told if told.startswith(key) else f"{key}: {told}") from error


def _check_path(path: str, key: str) -> None:
    if _UNSAFE.search(path):
        raise ConfigError(
            f"{key}: {path!r}: braces and ends of lines mean something else to the workflow; rename it"
        )


def _refuse_pickles(path: Path) -> None:
    """Refuse a Zarr store whose chunks are pickles: to read those is to run what is in them."""
    for file, content in _zarr_metadata(path):
        try:
            # From bytes, as Zarr reads it: a text may be written in several encodings and with escapes.
            about = json.loads(content)
            pickled = _names_pickles(about)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{file}: is no JSON that can be read ({error})") from error
        if pickled:
            raise ValueError(f"{file}: its values are pickles, which are not read")


def _zarr_metadata(path: Path) -> Iterator[tuple[Path, bytes]]:
    """What a Zarr store, a folder or zipped, says of its arrays: where it stands, and as it is written."""
    names = (".zarray", ".zmetadata", "zarr.json")
    for name in names if path.is_dir() else ():
        for file in path.rglob(name):
            yield file, file.read_bytes()
    if path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if member.rpartition("/")[2] in names:
                    yield path / member, archive.read(member)


def _names_pickles(about: object) -> bool:
    """Whether a codec among nested metadata is the one of pickles: it has an id or a name, or is its name alone."""
    if isinstance(about, Mapping):
        named = (about.get("id"), about.get("name"))
        return any(name in _PICKLES for name in named) or any(map(_names_pickles, about.values()))
    return isinstance(about, list) and any(item in _PICKLES or _names_pickles(item) for item in about)


def _checkpoint(part: Plain) -> None:
    """The sum of a user's own checkpoint; one that was fetched had its sum checked when it came."""
    path = Path(part["source"]["file"])
    sources.kind_of(path)
    # A sum that nobody accepted was told before; the sum of one that did not change is known.
    if part["sha256"] is not None and file_digests.USERS.of(path) != part["sha256"]:
        sources.verify(path, part["sha256"], "sha256")


def _exported(leaf: Plain) -> None:
    """A graph tells nothing before it is loaded, a TorchScript program at least that it is an archive."""
    path = Path(leaf["file"])
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not a file")
    if leaf["_target_"] == TORCHSCRIPT and not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no TorchScript file, which is a zip archive")


def _check_callable(callable: str, key: str) -> None:
    """Look for the name of a callable in its module's text, where that stands in the working directory."""
    module, _, name = callable.partition(":")
    stem = Path(*module.split("."))
    file = next((path for path in (stem / "__init__.py", stem.with_suffix(".py")) if path.is_file()), None)
    if file is None:
        return
    tree = ast.parse(file.read_bytes())
    bound = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    # A module may make names that its text does not show.
    if not bound & {name.partition(".")[0], "*", "__getattr__"} and "globals" not in file.read_text(
        errors="replace"
    ):
        raise ConfigError(f"{key}: {file} has no {name.partition('.')[0]!r}")


def _raster(leaf: Plain) -> None:
    """Put the axes right, which reads and checks all but the values."""
    from earthdim.data.datasets.files import opened

    try:
        with opened(leaf["path"], leaf["variable"]):
            pass
    except ValueError as error:
        # The key of the dataset stands before.
        raise ValueError(str(error).removeprefix("path: ").removeprefix("variable: ")) from error


def _places(leaf: Plain) -> None:
    from earthdim.data.coordinate_tables import outline

    outline.check(leaf["path"], leaf["n"], leaf.get("longitude"), leaf.get("latitude"), whole=False)


def _table(leaf: Plain) -> None:
    from earthdim.data.coordinate_tables import outline

    keys = ("longitude", "latitude", "features", "no_data", "dequantise", "scales")
    outline.check(leaf["file"], leaf["n"], **{key: leaf.get(key) for key in keys})


def _polygon(leaf: Plain) -> None:
    """Draw one point, which reads and checks all polygons."""
    from earthdim.data.samples.polygons import polygon

    polygon(
        1, np.random.default_rng(0), lambda lonlat: np.ones(len(lonlat), dtype=bool), leaf["path"], "globe"
    )
