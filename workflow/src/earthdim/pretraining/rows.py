"""Assignment of the drawn locations to training, and to validation near and far from the training locations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earthdim.geo import equal_area_blocks, within_km

# Appended to the schedule's seed for the choice of blocks.
BLOCKS = 6


@dataclass(frozen=True)
class Rows:
    """Rows of the drawn locations, each ascending; some may belong to none.

    Attributes
    ----------
    training : ndarray of int64
    near : ndarray of int64
        Validation among the training locations: neighbours of them.
    regions : ndarray of int64
        Validation in blocks without any training location; may be empty.
    """

    training: NDArray[np.int64]
    near: NDArray[np.int64]
    regions: NDArray[np.int64]


def drawn(schedule: Mapping[str, Any]) -> int:
    """Number of locations that a schedule draws."""
    return schedule["locations"] + schedule["validation"] + schedule["regions"]


def assign(lonlat: np.ndarray, schedule: Mapping[str, Any]) -> Rows:
    """Assign locations to training and validation; the result depends on the arguments alone.

    A share of the equal-area blocks with any location is held out as a whole. The first `regions` of the locations in
    them are evaluated, the others are not used. Locations within the buffer of any of them are not used either. Of the
    rest, the last `validation` ones are held out too, and the first `locations` of those that remain are for training:
    without regions all of them, with regions as many as there are.

    Parameters
    ----------
    lonlat : ndarray (n, 2)
        The locations that were drawn for the schedule, in their order, degrees; see `drawn`.
    schedule : mapping
        A leaf of config/schedule.

    Raises
    ------
    ValueError
        If the number of locations is not that of the schedule, or the held-out blocks hold fewer than `regions`.

    References
    ----------
    Roberts et al. (2017), Cross-validation strategies for data with temporal, spatial, hierarchical, or phylogenetic
    structure, Ecography 40, 913-929, doi:10.1111/ecog.02881 (blocks and buffers).
    """
    if len(lonlat) != drawn(schedule):
        raise ValueError(f"locations: {len(lonlat)} were drawn, not the {drawn(schedule)} of the schedule")
    usable, held = np.ones(len(lonlat), dtype=bool), np.zeros(len(lonlat), dtype=bool)
    if schedule["regions"]:
        held = _in_held_out_blocks(lonlat, schedule)
        usable = ~held
        usable[usable] = ~within_km(lonlat[usable], lonlat[held], schedule["buffer_km"])
    inside, outside = np.flatnonzero(held), np.flatnonzero(usable)
    if len(inside) < schedule["regions"]:
        raise ValueError(
            f"schedule.regions: {schedule['regions']} are more than the {len(inside)} locations in the held-out "
            "blocks; raise region_share"
        )
    near = outside[max(len(outside) - schedule["validation"], 0) :]
    training = outside[: len(outside) - len(near)][: schedule["locations"]]
    return Rows(training, near, inside[: schedule["regions"]])


def _in_held_out_blocks(lonlat: np.ndarray, schedule: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Whether each location lies in one of the blocks that are held out, a share of those with any location."""
    block = equal_area_blocks(lonlat, schedule["region_degrees"])
    occupied = np.unique(block)
    rng = np.random.default_rng([schedule["seed"], BLOCKS])
    number = max(round(schedule["region_share"] * len(occupied)), 1)
    return np.isin(block, rng.permutation(occupied)[:number])
