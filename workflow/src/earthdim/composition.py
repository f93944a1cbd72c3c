"""Leaves and overrides as plain dicts. The only module that knows Hydra.

Hydra composes the root and each leaf once; what it composed is cached under a digest of the config tree.
"""

import copy
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earthdim import checking
from earthdim.artefacts import write_json
from earthdim.experiment import Plain
from earthdim.leaves import ConfigError
from earthdim.provenance import digest

# Groups in which an experiment names several leaves; an override says which one: `estimator.mle.k=10`.
MANY = ("estimator", "split", "head")
# What all experiments share, under names that an override would not change.
SHARED = ("dataset", "task", "math_threads", "neighbours", "subsampling", "intervals", "shown", "weights")
# Groups of the axes; an override says the key alone: `schedule.steps=100`.
ALONG = ("model", "modality", "schedule")


def merge(base: Mapping, over: Mapping) -> Plain:
    """Deep-merge plain mappings as Hydra does: mappings are merged, anything else is replaced."""
    result = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merge(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


class LeafStore:
    """Composed leaves of a config folder, each composed by Hydra once and cached on disk."""

    def __init__(self, folder: Path, cache: Path | None = None):
        self.folder = Path(folder).resolve()
        tree = checking.read_tree(self.folder)
        if not tree:
            raise ConfigError(f"config: there is no YAML file in {folder}")
        self._cache = cache / f"{digest(tree)}.json" if cache is not None else None
        self._known: dict[str, Plain] = {}
        if self._cache is not None and self._cache.is_file():
            self._known = json.loads(self._cache.read_text())
        self._new = False
        self._checked: set[tuple[str, str]] = set()
        self._options: dict[str, list[str]] = {}

    def options(self, group: str) -> list[str]:
        """Names of the leaves of a group; a leaf in a subfolder is named folder/leaf."""
        if group not in self._options:
            root = self.folder / group
            names = (str(file.relative_to(root).with_suffix("")) for file in root.rglob("*.yaml"))
            self._options[group] = sorted(names)
        return self._options[group]

    def get(self, group: str, name: str, key: str) -> Plain:
        """The composed leaf `group/name`, as a plain dict that begins at the config's root; nobody changes it in place.

        Raises
        ------
        ConfigError
            If there is no such leaf; the message names `key`, the place in config that asked for it.
        """
        if not isinstance(name, str) or name not in self.options(group):
            options = ", ".join(self.options(group))
            raise ConfigError(f"{key}: there is no {group} {name!r}; config/{group} has {options}")
        leaf = self._compose(f"{group}/{name}")
        if (group, name) not in self._checked:
            checking.check_leaf(leaf, group, name)
            self._checked.add((group, name))
        return leaf

    def root(self) -> Plain:
        """What `config.yaml` itself sets, without its defaults list's groups."""
        composed = self._compose("config")
        return {key: value for key, value in composed.items() if not (self.folder / key).is_dir()}

    def _compose(self, name: str) -> Plain:
        if name not in self._known:
            checking.check_text(self.folder, name)
            self._known[name] = compose(self.folder, name)
            self._new = True
        return self._known[name]

    def save(self) -> None:
        """Write the cache if anything was composed."""
        if self._new and self._cache is not None:
            write_json(self._known, self._cache, sort_keys=False)
            self._new = False


def compose(folder: Path, name: str, overrides: Sequence[str] = ()) -> Plain:
    """Compose one config with Hydra into a plain dict.

    Raises
    ------
    ConfigError
        If Hydra refuses it; the message names the file.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        with initialize_config_dir(str(folder), version_base="1.3"):
            return OmegaConf.to_container(hydra_compose(name, overrides=list(overrides)), resolve=True)
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        reason = " ".join(str(error).split("Config search path")[0].split())
        raise ConfigError(f"config/{name}.yaml: {reason}") from error


@dataclass
class Override:
    """One `key=value` of the command line, in Hydra's grammar."""

    text: str
    path: tuple[str, ...]
    value: Any
    used: bool = False

    def apply(self, value: Plain, path: Sequence[str]) -> Plain:
        """`value` with the key at `path` replaced, or `value` itself when it has no such key."""
        node = value
        for part in path[:-1]:
            node = node.get(part) if isinstance(node, Mapping) else None
        if not path or not isinstance(node, Mapping) or path[-1] not in node:
            return value
        if not _fits(self.value, node[path[-1]]):
            raise ConfigError(
                f"overrides: {self.text!r}: {'.'.join(self.path)} is {node[path[-1]]!r} in its leaf"
            )
        self.used = True
        over: Any = self.value
        for part in reversed(path):
            over = {part: over}
        return merge(value, over)


def _fits(value: Any, known: Any) -> bool:
    """Whether a value is of its leaf's sort: a whole number may stand for a broken one, not the other way."""
    if isinstance(known, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return known is None or type(value) is type(known)


def parse_overrides(texts: Iterable[str]) -> list[Override]:
    """Parse command-line overrides.

    Raises
    ------
    ConfigError
        If one is not `key=value`, or its first key is no group of config.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import OverrideType
    from hydra.errors import HydraException

    if isinstance(texts, str):
        texts = [texts]
    if not isinstance(texts, list | tuple):
        raise ConfigError(f"overrides: {texts!r} is no list of key=value")
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
                f"overrides: {text!r}: only key=value is taken; put new keys into a leaf of config/"
            )
        path = tuple(parsed.key_or_group.split("."))
        if path[0] in SHARED:
            raise ConfigError(
                f"overrides: {text!r}: {path[0]} is shared by all experiments; change it or add to it in config/"
            )
        if isinstance(parsed.value(), float) and not math.isfinite(parsed.value()):
            raise ConfigError(f"overrides: {text!r}: the value is not finite")
        if path[0] not in groups:
            raise ConfigError(f"overrides: {text!r}: the first key is none of {', '.join(groups)}")
        if path == ("experiment",):
            raise ConfigError(f"overrides: {text!r}: name the experiment by --config {text}")
        result.append(Override(str(text), path, parsed.value()))
    return result
