"""Composition of config leaves into plain dicts, with Hydra.

Hydra composes the root and each leaf once. The result is cached together with digests of its source files.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from earthdim.experiment import config_files
from earthdim.experiment.code import library_versions
from earthdim.experiment.config_files import check_leaf, check_text, read_tree
from earthdim.experiment.model import Plain
from earthdim.experiment.validation import ConfigError
from earthdim.storage.digests import file_digest
from earthdim.storage.files import read_json, write_json

# Libraries that a composed leaf depends on, besides its files.
LIBRARIES = ("hydra-core", "omegaconf")


# Interpolation of another key in OmegaConf's grammar; `${oc.env:NAME}` and similar resolvers are not matched.
REFERENCE = re.compile(r"\$\{\s*(?:oc\.(?:select|deprecated|dict\.)|(?![A-Za-z_][\w.]*:))")


@cache
def _composer() -> Plain:
    """Versions of the libraries and digests of the modules that compose and check a leaf."""
    modules = (Path(__file__), Path(config_files.__file__))
    return {"code": [file_digest(file) for file in modules], "libraries": library_versions(LIBRARIES)}


class LeafStore:
    """Composed leaves of a config folder, each composed by Hydra once and cached on disk.

    A leaf is recomposed only if one of its source files changed.

    Parameters
    ----------
    folder : path
        The config folder.
    cache : path, optional
        Folder of the cache.

    Raises
    ------
    ConfigError
        If the folder holds no YAML file.
    """

    def __init__(self, folder: Path, cache: Path | None = None):
        self.folder = Path(folder).resolve()
        self._options: dict[str, list[str]] = {}
        texts = read_tree(self.folder)
        if not texts:
            raise ConfigError(f"config: {folder} holds no YAML file")
        self._texts = {path.removesuffix(".yaml"): text for path, text in texts.items()}
        for name in sorted(self._texts):
            group, _, leaf = name.partition("/")
            if leaf:
                self._options.setdefault(group, []).append(leaf)
        self._cache = cache / "leaves.json" if cache is not None else None
        self._kept: dict[str, Plain] = self._load()
        self._known: dict[str, Plain] = {}
        self._checked: set[tuple[str, str]] = set()
        self._new = False

    def _load(self) -> dict[str, Plain]:
        """Read the cache: for each leaf its config and the digests of its source files."""
        if self._cache is None or not self._cache.is_file():
            return {}
        try:
            kept = read_json(self._cache)
            return kept["leaves"] if kept["by"] == _composer() else {}
        # From another version, or damaged: everything is recomposed.
        except (ValueError, KeyError, TypeError):
            return {}

    def options(self, group: str) -> list[str]:
        """Return the names of the leaves of a group; a leaf in a subfolder is named folder/leaf."""
        return list(self._options.get(group, []))

    def get(self, group: str, name: str, key: str) -> Plain:
        """Return the composed leaf `group/name`, a plain dict from the root of the config; do not modify it.

        Raises
        ------
        ConfigError
            If there is no such leaf; the message names `key`, the place in config that names the leaf.
        """
        if not isinstance(name, str) or name not in self._options.get(group, []):
            options = ", ".join(self.options(group))
            raise ConfigError(f"{key}: there is no {group} {name!r}; config/{group} has {options}")
        leaf = self._compose(f"{group}/{name}")
        if (group, name) not in self._checked:
            check_leaf(leaf, group, name)
            self._checked.add((group, name))
        return leaf

    def root(self) -> Plain:
        """Return the keys that config.yaml itself sets, without the groups of its defaults list."""
        composed = self._compose("config")
        return {key: value for key, value in composed.items() if key not in self._options}

    def _compose(self, name: str) -> Plain:
        if name not in self._known:
            kept = self._kept.get(name)
            if kept is None or any(self._digest(file) != known for file, known in kept["files"].items()):
                check_text(self.folder, name)
                kept = {"files": {}, "config": compose(self.folder, name)}
                names = files_of(self.folder, name) if "defaults" in self._texts[name] else [name]
                # A leaf named as optional may be added later.
                if not any("optional" in self._texts.get(file, "") for file in names):
                    kept["files"] = {file: self._digest(file) for file in names}
                    self._kept[name] = kept
                    self._new = True
            self._known[name] = kept["config"]
        return self._known[name]

    def _digest(self, name: str) -> str:
        text = self._texts.get(name)
        return "" if text is None else hashlib.sha256(text.encode()).hexdigest()

    def save(self) -> None:
        """Write the cache if a leaf was composed; leaves that no longer exist are dropped."""
        if self._new and self._cache is not None:
            there = {name: kept for name, kept in self._kept.items() if self._digest(name)}
            write_json({"by": _composer(), "leaves": there}, self._cache, sort_keys=False)
            self._new = False


def compose(folder: Path, name: str, overrides: Sequence[str] = ()) -> Plain:
    """Compose one config with Hydra into a plain dict.

    Raises
    ------
    ConfigError
        If Hydra rejects it, or a value refers to another value, which merging could change. The message names the
        file.
    """
    from hydra import compose as hydra_compose
    from omegaconf import OmegaConf

    with _hydra(folder, name):
        composed = hydra_compose(name, overrides=list(overrides))
        for key, value in _texts(OmegaConf.to_container(composed, resolve=False)):
            if REFERENCE.search(value):
                raise ConfigError(
                    f"config/{name}.yaml: {key}: {value} refers to a key of another leaf; write the value itself"
                )
        return OmegaConf.to_container(composed, resolve=True)


def files_of(folder: Path, name: str) -> list[str]:
    """Return the names of the files that Hydra reads to compose one of them."""
    from hydra.core.global_hydra import GlobalHydra
    from hydra.types import RunMode

    with _hydra(folder, name):
        loader = GlobalHydra.instance().config_loader()
        found = {entry.config_path for entry in loader.compute_defaults_list(name, [], RunMode.RUN).defaults}
    return sorted(file for file in found if (folder / f"{file}.yaml").is_file())


@contextmanager
def _hydra(folder: Path, name: str) -> Iterator[None]:
    """Initialise Hydra with the config folder; its errors become a ConfigError that names the file."""
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        with initialize_config_dir(str(folder), version_base="1.3"):
            yield
    except RecursionError:
        raise ConfigError(f"config/{name}.yaml: its defaults list is circular") from None
    except (HydraException, OmegaConfBaseException, YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split("Config search path")[0].split())
        raise ConfigError(f"config/{name}.yaml: {reason}") from error


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in nested plain values, with its key."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping | list):
        for name, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _texts(item, f"{key}.{name}" if key else str(name))
