"""A user's own files while an experiment is planned: what headers, metadata and coordinates tell, no more.

What takes long stays with the jobs: values of rasters and features, sums of checkpoints, what an encoder gives.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from earthdim import frozen
from earthdim.experiment import Experiment, Plain
from earthdim.leaves import ConfigError

RASTER = "earthdim.datasets.files.raster_file"
POLYGON = "earthdim.samples.polygons.polygon"
POINTS = "earthdim.samples.files.points"
TABLE = "earthdim.own.table.embeddings"
WEIGHTS_SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".tar")


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
    for name, leaf in experiment.points.items():
        if name not in of_tables and leaf["_target_"] in (POINTS, POLYGON):
            _check("sample.path", leaf["path"], _places if leaf["_target_"] == POINTS else _polygon, leaf)
    leaves = {
        weights for axes in experiment.settings["branches"].values() for weights in axes.get("weights", ())
    }
    names = {frozen.variant_name(name): name for name in leaves}
    for variant in experiment.variants.values():
        weights = variant.config["weights"]
        key = f"weights.{names.get(variant.name, variant.name)}"
        if weights.get("_target_") == TABLE:
            _check(f"{key}.file", weights["file"], _table, weights)
        elif "file" in weights:
            _check(f"{key}.file", weights["file"], _whole, weights)
        elif variant.kind == "released":
            for part in (weights, weights.get("database", {})):
                _check_weights(part.get("source", {}).get("file", ""), key)


def _check(key: str, path: str, look: Callable[[Plain], None], leaf: Mapping[str, Any]) -> None:
    """Let `look` at a file that can be read and holds something; its refusal names the key."""
    if not os.access(path, os.R_OK):
        raise ConfigError(f"{key}: {path} may not be read by you")
    if Path(path).is_file() and not Path(path).stat().st_size:
        raise ConfigError(f"{key}: {path} is empty")
    try:
        look(leaf)
    except (ValueError, OSError) as error:
        raise ConfigError(f"{key}: {' '.join(str(error).split())}") from error


def _check_weights(file: str, key: str) -> None:
    if file and not file.endswith(WEIGHTS_SUFFIXES):
        raise ConfigError(f"{key}.source.file: {file}: weights end in {', '.join(WEIGHTS_SUFFIXES)}")


def _whole(leaf: Plain) -> None:
    """A program or a graph tells nothing before it is loaded."""
    if Path(leaf["file"]).is_dir():
        raise ValueError(f"{leaf['file']} is a folder, not a file")


def _raster(leaf: Plain) -> None:
    import xarray as xr

    from earthdim.datasets.files import NAMES, RANGES

    path, variable = leaf["path"], leaf["variable"]
    try:
        opened = xr.open_zarr(path) if Path(path).is_dir() else xr.open_dataset(path)
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is no Zarr store or NetCDF file that can be read ({error})") from error
    with opened:
        if variable not in opened.data_vars:
            raise ValueError(
                f"{path} has no variable {variable!r}; it has {', '.join(map(str, opened.data_vars))}"
            )
        for axis, known in NAMES.items():
            name = next((name for name in known if name in opened[variable].dims), None)
            if name is None or name not in opened.coords:
                raise ValueError(
                    f"{path}: {variable} has no dimension with coordinates named {' or '.join(known)}"
                )
            low, high = RANGES[axis]
            values = opened[name].values
            if values.dtype.kind not in "fiu" or not ((values >= low) & (values <= high)).all():
                raise ValueError(f"{path}: {name} is not in degrees from {low} to {high}")
        if opened[variable].dtype.kind not in "fiub":
            raise ValueError(f"{path}: {variable} is not numeric but holds {opened[variable].dtype}")


def _places(leaf: Plain) -> None:
    from earthdim.coordinate_tables import outline

    outline.check(leaf["path"], leaf["n"], leaf.get("longitude"), leaf.get("latitude"), whole=False)


def _table(leaf: Plain) -> None:
    from earthdim.coordinate_tables import outline

    columns = (leaf.get(key) for key in ("longitude", "latitude", "features"))
    outline.check(leaf["file"], leaf["n"], *columns)


def _polygon(leaf: Plain) -> None:
    """Draw one point, which reads and checks all polygons."""
    from earthdim.samples.polygons import polygon

    polygon(
        1, np.random.default_rng(0), lambda lonlat: np.ones(len(lonlat), dtype=bool), leaf["path"], "globe"
    )
