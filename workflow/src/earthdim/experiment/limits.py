"""Limits of numeric settings that depend on other settings.

Constant limits are in workflow/schemas. Every function raises `ConfigError`, which names the key, if a value is
beyond its limit.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import cache

from earthdim.experiment.model import Plain
from earthdim.experiment.validation import ConfigError

# Values of `reads` for which an estimator reads the k nearest neighbours of each point.
FROM_GRAPH = ("neighbours", "distances", "graph")
# Keys of a schedule whose sum is the number of locations that are drawn for it.
DRAWN = ("locations", "validation", "regions")
# Of the steps by which locations are jittered: fewer than 3 in 1,000 are longer, in each direction.
_LONGEST_STEP = 3
# Area of half the globe in square degrees. Fewer blocks than this cannot be exceeded by folds without a count.
_HALF_GLOBE = 20_000


def check_points(n: int, neighbours: int, key: str) -> None:
    """Check that a point set has more points than its graph has neighbours per point."""
    if n < neighbours + 2:
        raise ConfigError(f"{key}: {n} points are too few for neighbours.k = {neighbours} of config.yaml")


def check_depth(leaves: Mapping[str, Plain], neighbours: int) -> None:
    """Check that no estimator reads more neighbours than the graphs hold."""
    for name, leaf in leaves.items():
        if leaf["reads"] in FROM_GRAPH and leaf["k"] > neighbours:
            raise ConfigError(
                f"estimator.{name}.k: {leaf['k']} is above neighbours.k = {neighbours} of config.yaml"
            )


def check_k(
    names: Sequence[str], leaves: Mapping[str, Plain], n: int, key: str, subsampling: Plain | None = None
) -> None:
    """Check that n points are enough for the k of each estimator, in half samples too where they are drawn.

    Parameters
    ----------
    names : sequence of str
        Estimators.
    leaves : mapping
        Name -> leaf.
    n : int
        Number of points.
    key : str
        Key that sets the number of points.
    subsampling : dict, optional
        Settings of half samples, which are drawn from at most `up_to` points.
    """
    halved = subsampling is not None and n <= subsampling["up_to"]
    for name in names:
        k = leaves[name]["k"]
        if k is not None and k >= (n // 2 if halved else n) - 1:
            raise ConfigError(
                f"{key}: {'half of ' if halved else ''}{n} points are too few for estimator.{name}, whose k is {k}"
            )


def sizes_within(sizes: Sequence[int], n: int, largest: int, key: str) -> list[int]:
    """Return numbers of points of a sample, ascending.

    Parameters
    ----------
    sizes : sequence of int
        Numbers that the experiment asks for.
    n : int
        Points of the sample.
    largest : int
        Points of the sample without overrides, at least n. If an override reduces the sample, larger sizes are
        reduced to n.
    key : str
        Key of the sizes.

    Raises
    ------
    ConfigError
        If a size is above `largest`.
    """
    for size in sizes:
        if size > largest:
            raise ConfigError(f"{key}: {size} is above the n = {n} of the sample")
    return sorted({min(size, n) for size in sizes})


def drawn(schedule: Plain) -> int:
    """Number of locations that are drawn for a schedule."""
    return sum(schedule[key] for key in DRAWN)


def check_schedule(schedule: Plain) -> None:
    """Check the numbers of a schedule against each other."""
    for key, name in itertools.product(("validation", "regions"), ("batch", "candidates")):
        if schedule[key] % schedule[name]:
            raise ConfigError(f"schedule.{key}: {schedule[key]} is not a multiple of {name} {schedule[name]}")
    expected = schedule["region_share"] * drawn(schedule)
    if schedule["regions"] > expected:
        raise ConfigError(
            f"schedule.region_share: {schedule['region_share']} of the blocks hold about {expected:,.0f} locations, "
            f"fewer than regions {schedule['regions']}"
        )
    if schedule["regions"] and _LONGEST_STEP * schedule["jitter_km"] > schedule["buffer_km"]:
        raise ConfigError(
            f"schedule.jitter_km: {schedule['jitter_km']} would move training locations across the buffer of "
            f"{schedule['buffer_km']} km; set at most {schedule['buffer_km'] / _LONGEST_STEP:.4g}"
        )
    if schedule["warmup_steps"] >= schedule["steps"]:
        raise ConfigError(
            f"schedule.warmup_steps: {schedule['warmup_steps']} is not below steps {schedule['steps']}"
        )
    if schedule["locations"] < schedule["batch"]:
        raise ConfigError(
            f"schedule.batch: {schedule['batch']} is more than the {schedule['locations']} locations"
        )


def check_buffer(schedule: Plain, sources: Mapping[str, Plain]) -> None:
    """Check that no patch around a training location reaches a location of the held-out regions."""
    for source, leaf in sources.items():
        width = leaf.get("pixels", 0) * leaf.get("spacing_km", 0)
        if schedule["regions"] and schedule["buffer_km"] < width:
            raise ConfigError(
                f"schedule.buffer_km: {schedule['buffer_km']} is below the {width:.4g} km of a patch of "
                f"modality.sources.{source}"
            )


def check_source(leaf: Plain, n: int, key: str) -> None:
    """Check the sizes of a modality's source against its patches and the n training locations."""
    if leaf.get("filter_size", 0) > leaf.get("pixels", math.inf):
        raise ConfigError(
            f"{key}.filter_size: {leaf['filter_size']} is more than the {leaf['pixels']} pixels"
        )
    if leaf.get("fit_locations", 0) > n:
        raise ConfigError(f"{key}.fit_locations: {leaf['fit_locations']} are more than the {n} locations")


def check_box(built: Plain, key: str) -> None:
    """Check that the southern edge of a sample is south of its northern edge, if it has both."""
    if "south" in built and not built["south"] < built["north"]:
        raise ConfigError(f"{key}.south: {built['south']} is not below north, {built['north']}")


def check_folds(splits: Mapping[str, Plain], n: int) -> None:
    """Check that no split asks for more folds than there are points or blocks."""
    for name, leaf in splits.items():
        most, what = n, f"{n} points"
        # Counting blocks costs an import, so it is done only where the folds may exceed them.
        if "degrees" in leaf and max(leaf["folds"], leaf["inner_folds"]) > _HALF_GLOBE / leaf["degrees"] ** 2:
            blocks = _blocks(leaf["degrees"])
            if blocks < n:
                most, what = blocks, f"{blocks} blocks of {leaf['degrees']} degrees"
        for key in ("folds", "inner_folds"):
            if leaf[key] > most:
                raise ConfigError(f"split.{name}.{key}: {what} cannot be cut into {leaf[key]} folds")


@cache
def _blocks(degrees: float) -> int:
    """Number of blocks of a size on the globe: blocks are numbered, and the last one is north-east."""
    from earthdim.geo import equal_area_blocks

    return int(equal_area_blocks([[180.0, 90.0], [179.999999, 90.0]], degrees).max()) + 1
