"""Checks of user-supplied files while an experiment is planned, from headers, metadata and coordinates.

Slow checks are left to the jobs: values of rasters and features, and the output of encoders.
"""

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
from earthdim.storage import file_digests, python_source

RASTER = "earthdim.data.datasets.files.raster_file"
POLYGON = "earthdim.data.samples.polygons.polygon"
# Names of the pickle codec in numcodecs and in Zarr format 3.
_PICKLES = ("pickle", "numcodecs.pickle")
# Snakemake reads braces in a path as a wildcard.
_UNSAFE = re.compile(r"[{}\x00-\x1f]")


def check(experiment: Experiment) -> None:
    """Check every user-supplied file that an experiment names.

    Parameters
    ----------
    experiment : Experiment
        Resolved; its files exist.

    Raises
    ------
    ConfigError
        For the first file that a job could not read, naming the key and the file.
    """
    for name, leaf in experiment.datasets.items():
        if leaf["build"]["_target_"] == RASTER:
            _check(f"dataset.{name}.build.path", leaf["build"]["path"], _raster, leaf["build"])
    of_tables = set(experiment.own_points.values())
    roles = {experiment.task_points: "task_sample", **dict.fromkeys(experiment.sample_points, "sample")}
    for name, leaf in experiment.points.items():
        built = leaf["build"]
        if name not in of_tables and built["_target_"] in (external.POINTS, POLYGON):
            inspect = _places if built["_target_"] == external.POINTS else _polygon
            key = f"{roles.get(name, 'scale.supports')}.build.path"
            _check(key, built["path"], inspect, {**built, "n": leaf["n"]})
    names = external.leaves(experiment.settings)
    for variant in experiment.variants.values():
        weights = variant.config["weights"]
        if "build" in weights:
            _check_weights(weights, f"weights.{names.get(variant.name, variant.name)}.build")


def _check_weights(leaf: Plain, key: str) -> None:
    """Inspect the files behind an external encoder."""
    built = leaf["build"]
    for file in built.get("files") or ():
        _check_path(file, f"{key}.files")
    if built["_target_"] == TABLE:
        _check(f"{key}.file", built["file"], _table, {**built, "n": leaf["n"]})
    elif built["_target_"] in (TORCHSCRIPT, ONNX):
        _check(f"{key}.file", built["file"], _exported, built)
    elif built["_target_"] == FUNCTION:
        _check_callable(built["callable"], f"{key}.callable")
    elif leaf["kind"] == "released":
        for name, part in (("", built), (".database", built.get("database", {}))):
            if set(part.get("source", {})) == {"file"}:
                _check(f"{key}{name}.source.file", part["source"]["file"], _checkpoint, part)


def _check(key: str, path: str, inspect: Callable[[Plain], None], built: Mapping[str, Any]) -> None:
    """Inspect a file that is readable and not empty; errors name the key."""
    _check_path(path, key)
    if not os.access(path, os.R_OK):
        raise ConfigError(f"{key}: {path} is not readable: permission denied")
    if Path(path).is_file() and not Path(path).stat().st_size:
        raise ConfigError(f"{key}: {path} is empty")
    try:
        _reject_pickles(Path(path))
        inspect(built)
    except (ValueError, OSError) as error:
        message = " ".join(str(error).split())
        raise ConfigError(message if message.startswith(key) else f"{key}: {message}") from error


def _check_path(path: str, key: str) -> None:
    if _UNSAFE.search(path):
        raise ConfigError(
            f"{key}: {path!r}: Snakemake reads braces and line ends in paths as wildcards; rename the file"
        )


def _reject_pickles(path: Path) -> None:
    """Reject a Zarr store whose chunks are pickles, because reading a pickle runs its code."""
    for file, content in _zarr_metadata(path):
        try:
            # From bytes, as Zarr does: the text may have several encodings and escapes.
            about = json.loads(content)
            pickled = _names_pickles(about)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{file}: is not valid JSON ({error})") from error
        if pickled:
            raise ValueError(f"{file}: its values are pickles, which may run code; store plain arrays")


def _zarr_metadata(path: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield path and content of the metadata files of a Zarr store, which is a folder or a ZIP archive."""
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
    """Whether nested metadata names the pickle codec, by id, by name or as a plain string."""
    if isinstance(about, Mapping):
        named = (about.get("id"), about.get("name"))
        return any(name in _PICKLES for name in named) or any(map(_names_pickles, about.values()))
    return isinstance(about, list) and any(item in _PICKLES or _names_pickles(item) for item in about)


def _checkpoint(part: Plain) -> None:
    """Check the checksum of a user-supplied checkpoint; fetched ones were checked on download."""
    path = Path(part["source"]["file"])
    sources.kind_of(path)
    # A checksum of null was reported before; the checksum of an unchanged file is cached.
    if part["sha256"] is not None and file_digests.USERS.of(path) != part["sha256"]:
        sources.verify(path, part["sha256"], "sha256")


def _exported(leaf: Plain) -> None:
    """Check that an exported network is a file and, for TorchScript, an archive."""
    path = Path(leaf["file"])
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not a file")
    if leaf["_target_"] == TORCHSCRIPT and not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not a TorchScript file, which is a zip archive")


def _check_callable(callable: str, key: str) -> None:
    """Look up a callable in the text of its module, if the module is in the working directory."""
    module, _, name = callable.partition(":")
    stem = Path(*module.split("."))
    file = next((path for path in (stem / "__init__.py", stem.with_suffix(".py")) if path.is_file()), None)
    if file is None:
        return
    bound = python_source.bound_names(python_source.parse(file))
    # A module may define names dynamically.
    if not bound & {name.partition(".")[0], "*", "__getattr__"} and "globals" not in file.read_text(
        errors="replace"
    ):
        raise ConfigError(f"{key}: {file} has no {name.partition('.')[0]!r}")


def _raster(leaf: Plain) -> None:
    """Open a raster, which checks everything but its values."""
    from earthdim.data.datasets.files import opened

    try:
        with opened(leaf["path"], leaf["variable"]):
            pass
    except ValueError as error:
        # The message gets the key of the data set instead.
        raise ValueError(str(error).removeprefix("path: ").removeprefix("variable: ")) from error


def _places(leaf: Plain) -> None:
    from earthdim.data.coordinate_tables import outline

    outline.check(leaf["path"], leaf["n"], leaf.get("longitude"), leaf.get("latitude"), whole=False)


def _table(leaf: Plain) -> None:
    from earthdim.data.coordinate_tables import outline

    keys = ("longitude", "latitude", "features", "no_data", "dequantise", "scales")
    outline.check(leaf["file"], leaf["n"], **{key: leaf.get(key) for key in keys})


def _polygon(leaf: Plain) -> None:
    """Sample one point, which reads and checks all polygons."""
    from earthdim.data.samples.polygons import polygon

    polygon(
        1, np.random.default_rng(0), lambda lonlat: np.ones(len(lonlat), dtype=bool), leaf["path"], "globe"
    )
