"""Checks of config files as text, before their values are used."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from earthdim.experiment.validation import (
    SCHEMAS,
    ConfigError,
    check_plain,
    check_schema,
    plain_loader,
    schema_keys,
)
from earthdim.storage.schema import TRAINED

# Folders of results/ that experiments share.
RESERVED = ("archives", "benchmarks", "data", "logs", "records", "variants")


# Kinds of weights that are made here; a leaf of such a name has this kind.
KINDS = (*TRAINED, "untrained", "raw")


# Longer names exceed the limit of file systems once the suffixes of unfinished files are appended.
LONGEST = 180


_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]*(/[a-z0-9][a-z0-9._@-]*)*")


_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null", "merge")
)


_RESOLVER = re.compile(r"\$\{\s*[\w.]+\s*:")


def read_tree(folder: Path) -> dict[str, str]:
    """Texts of all YAML files of the config folder, by their paths inside it.

    Raises
    ------
    ConfigError
        If one cannot be read as text.
    """
    return {str(file.relative_to(folder)): _text(file, folder) for file in sorted(folder.rglob("*.yaml"))}


def _text(file: Path, folder: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"config/{file.relative_to(folder)}: is not UTF-8 text ({error.reason})") from error
    except OSError as error:
        raise ConfigError(f"config/{file.relative_to(folder)}: cannot be read ({error.strerror})") from error


def check_text(folder: Path, name: str, above: tuple[str, ...] = ()) -> None:
    """Reject a config file that is not plain YAML, and circular defaults lists.

    Parameters
    ----------
    folder : path
        The config folder.
    name : str
        The file's path inside it, without suffix.
    above : tuple of str
        The files whose defaults lists led here.

    Raises
    ------
    ConfigError
        Naming file and line.
    """
    import yaml

    file = folder / f"{name}.yaml"
    if name in above:
        cycle = " -> ".join([*above[above.index(name) :], name])
        raise ConfigError(f"config/{name}.yaml: its defaults list is circular: {cycle}")
    if not file.is_file():
        return  # Hydra reports the list that names it.
    try:
        root = yaml.compose(_text(file, folder), plain_loader())
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        problem = ", ".join(filter(None, (error.context, error.problem)))
        raise ConfigError(f"config/{name}.yaml{line}: {problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"config/{name}.yaml: {' '.join(str(error).split())}") from error
    if root is None:
        return
    _check_node(root, f"config/{name}.yaml")
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"config/{name}.yaml: holds no keys")
    for other in _defaults(root, PurePosixPath(name)):
        check_text(folder, other, (*above, name))


def _check_node(node: Any, file: str) -> None:
    import yaml

    where = f"{file}, line {node.start_mark.line + 1}"
    if node.tag not in _TAGS and node.tag != "tag:yaml.org,2002:timestamp":
        raise ConfigError(
            f"{where}: the tag {node.tag} is not allowed; write plain text, numbers, lists and mappings"
        )
    if isinstance(node, yaml.ScalarNode):
        if _RESOLVER.search(node.value):
            raise ConfigError(
                f"{where}: {node.value!r} reads a value from outside the config; write the value itself"
            )
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_node(item, file)
    else:
        seen = set()
        for key, item in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise ConfigError(f"{file}, line {key.start_mark.line + 1}: duplicate key {key.value!r}")
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            _check_node(key, file)
            _check_node(item, file)


def _defaults(root: Any, name: PurePosixPath) -> Iterator[str]:
    """Yield the files that a defaults list names, as paths inside the config folder without suffix."""
    lists = [item for key, item in root.value if key.value == "defaults"]
    for entry in (entry for found in lists if isinstance(found.value, list) for entry in found.value):
        if isinstance(entry.value, str):
            group, leaf = "", entry.value.partition("@")[0]
        else:
            ((key, value), *_) = entry.value
            group, leaf = str(key.value).split()[-1].partition("@")[0], value.value
        if leaf != "_self_" and isinstance(leaf, str):
            path = PurePosixPath(group) / leaf.lstrip("/") if group else PurePosixPath(leaf)
            path = name.parent / path if not path.is_absolute() else path.relative_to("/")
            yield str(path).removesuffix(".yaml")


def check_leaf(composed: Mapping[str, Any], group: str, name: str) -> None:
    """Reject a leaf that sets keys of another group, lacks its package line or has the former flat form.

    Parameters
    ----------
    composed : mapping
        The leaf as Hydra composed it, starting at the root of the config.
    group, name : str
        Group and name of the leaf.

    Raises
    ------
    ConfigError
        Naming the file.
    """
    file = f"config/{group}/{name}.yaml"
    if group == "experiment":
        _check_experiment_name(name)
    package = "_global_" if group == "resolution" else group
    inside = composed.get(group)
    lost = "/" in name and isinstance(inside, Mapping) and set(inside) == {name.partition("/")[0]}
    if lost or (group == "resolution" and isinstance(inside, Mapping) and "model" in inside):
        raise ConfigError(f"{file}: must begin with the line '# @package {package}'")
    allowed = {group, "model"} if group == "resolution" else {group}
    for key in composed:
        if key not in allowed:
            raise ConfigError(f"{file}: sets {key!r}, which does not belong to {group}")
    if not isinstance(inside, Mapping):
        raise ConfigError(f"{file}: has no keys of {group}")
    if "_target_" in inside and "build" in schema_keys(SCHEMAS / f"{group}.schema.yaml"):
        raise ConfigError(
            f"{group}.{name}._target_: moved below build:, together with the arguments of the target"
        )
    for key, value in composed.items():
        check_plain(value, f"{file}: {key}")
    if group == "resolution":
        check_schema(inside, SCHEMAS / "resolution.schema.yaml", f"{file}: resolution")
    elif group == "weights" and name in KINDS and inside.get("kind") != name:
        raise ConfigError(f"weights.{name}.kind: {inside.get('kind')!r} is not {name}")
    elif group == "weights" and inside.get("kind") in KINDS:
        check_schema(inside, SCHEMAS / "weights.schema.yaml", f"weights.{name}")
    elif group == "model" and "_target_" not in (inside.get("encoding") or {}):
        raise ConfigError(f"{file}: encoding._target_: is missing")


def _check_experiment_name(name: str) -> None:
    if not _NAME.fullmatch(name) or "@" in name or "_" in name or len(name) > LONGEST:
        raise ConfigError(f"experiment: {name!r} is not a valid folder name; use a-z, 0-9, - and .")
    if name.partition("/")[0] in RESERVED:
        raise ConfigError(
            f"experiment: {name!r}: results/{name.partition('/')[0]} is shared by all experiments; rename the leaf"
        )
