"""What an experiment will leave out, as far as its leaves and the coordinates of users' tables tell beforehand.

The jobs decide; this says it before the work.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from earthdim.experiment import external
from earthdim.experiment.model import Experiment, Plain
from earthdim.experiment.queries import dimension_points, probe_points

# Of more points, and of larger files, the jobs tell: planning must stay quick.
LARGEST_N = 50_000
LARGEST_FILE = 100_000_000

_TOLD: set[str] = set()


def once(experiment: Experiment) -> list[str]:
    """The sentences of `left_out` that this process has not said yet."""
    fresh = [sentence for sentence in left_out(experiment) if sentence not in _TOLD]
    _TOLD.update(fresh)
    return fresh


def left_out(experiment: Experiment) -> list[str]:
    """What will be left out, a sentence each.

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
    """What does not fit one point set."""
    leaf = experiment.points[name]
    halves = experiment.subsampling
    if name in experiment.own_points.values() and leaf["n"] <= halves["up_to"]:
        for estimator in experiment.settings["estimators"]:
            k = experiment.estimators[estimator]["k"]
            if k is not None and k >= leaf["n"] // 2 - 1:
                yield (
                    f"{name}: {estimator} is left without an interval: half of {leaf['n']} points are too few for its "
                    f"k = {k}"
                )
    probed = (
        {probe_points(experiment, variant) for variant in experiment.variants} if experiment.tasks else set()
    )
    if name in probed and leaf["_target_"] == external.POINTS and leaf["n"] <= LARGEST_N:
        for split, reason in _uncut(experiment, leaf).items():
            yield f"{name}: the split {split} is left out: {reason}"


def _uncut(experiment: Experiment, leaf: Plain) -> dict[str, str]:
    """The splits that the places of a file cannot be cut by, and why."""
    from earthdim.build import build
    from earthdim.omissions import OmittedError

    lonlat = _places(leaf["path"], leaf.get("longitude"), leaf.get("latitude"))
    found = {}
    for name, split in experiment.splits.items() if lonlat is not None else ():
        try:
            build(split).nested(lonlat[: leaf["n"]])
        except OmittedError as error:
            found[name] = str(error)
    return found


@cache
def _places(path: str, longitude: str | None, latitude: str | None) -> np.ndarray | None:
    """The coordinates of a file that is quick to read."""
    from earthdim.data import coordinate_tables

    if Path(path).is_file() and Path(path).stat().st_size > LARGEST_FILE:
        return None
    return coordinate_tables.points(path, longitude, latitude)
