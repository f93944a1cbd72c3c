"""Overrides of config values given on the command line."""

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from earthdim.experiment.model import Plain
from earthdim.experiment.targets import normalised
from earthdim.experiment.validation import ConfigError

# Groups in which an experiment names several leaves; the override contains the name of the leaf: `estimator.mle.k=10`.
MANY = ("estimator", "split", "head")


# Keys that experiments share. An override could not rename the results that depend on them.
SHARED = (
    "dataset",
    "task",
    "math_threads",
    "pretraining",
    "neighbours",
    "subsampling",
    "intervals",
    "shown",
    "weights",
)


# Groups of the axes; the override contains only the key: `schedule.steps=100`. One of `objective` applies to the
# variants of branches that name an objective.
ALONG = ("model", "modality", "objective", "schedule")


def merge(base: Mapping, over: Mapping) -> Plain:
    """Deep-merge plain mappings as Hydra does: mappings are merged, other values are replaced."""
    result = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merge(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


@dataclass
class Override:
    """One `key=value` of the command line, in Hydra's grammar."""

    text: str
    path: tuple[str, ...]
    value: Any
    used: bool = False

    def apply(self, value: Plain, path: Sequence[str]) -> Plain:
        """Return `value` with the key at `path` replaced, or `value` itself if it has no such key."""
        node = value
        for part in path[:-1]:
            node = node.get(part) if isinstance(node, Mapping) else None
        if not path or not isinstance(node, Mapping) or path[-1] not in node:
            return value
        over, expected = normalised(self.value, node, path[-1])
        if expected:
            raise ConfigError(
                f"overrides: {self.text!r}: {'.'.join(self.path)} is {node[path[-1]]!r} in its leaf, "
                f"and {self.value!r} is not {expected}"
            )
        self.used = True
        for part in reversed(path):
            over = {part: over}
        return merge(value, over)


def parse_overrides(texts: Iterable[str]) -> list[Override]:
    """Parse command-line overrides.

    Raises
    ------
    ConfigError
        If an override is not `key=value`, or its first key is not a group of config.
    """
    if isinstance(texts, str):
        texts = [texts]
    if not isinstance(texts, list | tuple):
        raise ConfigError(f"overrides: {texts!r} is not a list of key=value")
    if not texts:
        return []
    # Importing Hydra takes longer than resolving an experiment.
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import OverrideType
    from hydra.errors import HydraException

    groups = ("experiment", "sample", "task_sample", "statistics", *ALONG, *MANY)
    result = []
    for text in texts:
        try:
            parsed = OverridesParser.create().parse_override(str(text))
        except HydraException as error:
            raise ConfigError(
                f"overrides: {text!r} is not key=value ({str(error).splitlines()[0]})"
            ) from error
        if parsed.type is not OverrideType.CHANGE or parsed.is_sweep_override():
            raise ConfigError(
                f"overrides: {text!r}: only key=value is allowed; put new keys into a leaf of config/"
            )
        path = tuple(parsed.key_or_group.split("."))
        if path[0] in SHARED:
            raise ConfigError(
                f"overrides: {text!r}: {path[0]} is shared by all experiments; edit config/ instead"
            )
        if isinstance(parsed.value(), float) and not math.isfinite(parsed.value()):
            raise ConfigError(f"overrides: {text!r}: the value is not finite")
        if path[0] not in groups:
            raise ConfigError(f"overrides: {text!r}: the first key is none of {', '.join(groups)}")
        if path == ("experiment",):
            raise ConfigError(f"overrides: {text!r}: select the experiment by --config {text}")
        result.append(Override(str(text), path, parsed.value()))
    return result
