"""Warnings, at planning time, about results that an experiment will leave out.

They follow from the leaves and from the coordinates of user-supplied tables. The jobs make the decision; the warnings
are issued before any job starts.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from earthdim.experiment import external
from earthdim.experiment.model import Experiment, Plain
from earthdim.experiment.queries import dimension_points, probe_points

# Larger point sets and files are not read here, to keep planning fast; their jobs report omissions.
LARGEST_N = 50_000
LARGEST_FILE = 100_000_000

_SHOWN: set[str] = set()


def once(experiment: Experiment) -> list[str]:
    """Return the warnings of `left_out` that this process has not returned before."""
    fresh = [sentence for sentence in left_out(experiment) if sentence not in _SHOWN]
    _SHOWN.update(fresh)
    return fresh


def left_out(experiment: Experiment) -> list[str]:
    """Return one warning for each result that will be left out.

    Parameters
    ----------
    experiment : Experiment
        Resolved and checked.
    """
    names = list(
        dict.fromkeys(name for variant in experiment.variants for name in _points(experiment, variant))
    )
    return [sentence for name in names for sentence in _at(experiment, name)]


def _points(experiment: Experiment, variant: str) -> list[str]:
    probed = [probe_points(experiment, variant)] if experiment.tasks else []
    return [*dimension_points(experiment, variant), *probed]


def _at(experiment: Experiment, name: str) -> Iterator[str]:
    """Warnings about one point set."""
    leaf = experiment.points[name]
    halves = experiment.subsampling
    if name in experiment.own_points.values() and leaf["n"] <= halves["up_to"]:
        for estimator in experiment.settings["estimators"]:
            k = experiment.estimators[estimator]["k"]
            if k is not None and k >= leaf["n"] // 2 - 1:
                yield (
                    f"{name}: {estimator} gets no interval: half of {leaf['n']} points are too few for its k = {k}"
                )
    probed = (
        {probe_points(experiment, variant) for variant in experiment.variants} if experiment.tasks else set()
    )
    if name in probed and leaf["build"]["_target_"] == external.POINTS and leaf["n"] <= LARGEST_N:
        for split, reason in _impossible_splits(experiment, leaf).items():
            yield f"{name}: the split {split} is left out: {reason}"


def _impossible_splits(experiment: Experiment, leaf: Plain) -> dict[str, str]:
    """Splits that the coordinates of a file do not allow -> the reason."""
    from earthdim.build import build
    from earthdim.omissions import OmittedError

    lonlat = _coordinates(*(leaf["build"].get(key) for key in ("path", "longitude", "latitude")))
    found = {}
    for name, split in experiment.splits.items() if lonlat is not None else ():
        try:
            build(split).nested(lonlat[: leaf["n"]])
        except OmittedError as error:
            found[name] = str(error)
    return found


@cache
def _coordinates(path: str, longitude: str | None, latitude: str | None) -> np.ndarray | None:
    """Coordinates of a file, degrees, or None if the file is too large to read here."""
    from earthdim.data import coordinate_tables

    if Path(path).is_file() and Path(path).stat().st_size > LARGEST_FILE:
        return None
    return coordinate_tables.points(path, longitude, latitude)
