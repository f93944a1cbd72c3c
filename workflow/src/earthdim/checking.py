"""Checks of config files and of a whole resolved experiment, each made once and before any work.

Leaves are held against their schemas where they are used; here stands what concerns config as files, and what only the
whole experiment tells.
"""

import ast
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from earthdim import frozen, user_files
from earthdim.experiment import Experiment, Plain
from earthdim.leaves import (
    SCHEMAS,
    ConfigError,
    check_plain,
    check_schema,
    check_target,
    definition,
    plain_loader,
)

if TYPE_CHECKING:
    from earthdim.composition import LeafStore

# Folders of results/ that are no experiment's.
RESERVED = ("archives", "benchmarks", "data", "logs", "records", "variants")
# Longer names do not fit a file system once the suffixes of unfinished files stand behind them.
LONGEST = 180
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]*(/[a-z0-9][a-z0-9._@-]*)*")
_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null", "merge")
)
_RESOLVER = re.compile(r"\$\{\s*[\w.]+\s*:")
LEAKS = ("leaked_by", "leaked_in_part_by")


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
        raise ConfigError(
            f"config/{file.relative_to(folder)}: is no text in UTF-8 ({error.reason})"
        ) from error
    except OSError as error:
        raise ConfigError(f"config/{file.relative_to(folder)}: cannot be read ({error.strerror})") from error


def check_text(folder: Path, name: str, above: tuple[str, ...] = ()) -> None:
    """Refuse a config file that is no plain YAML, and a defaults list that leads back to its own file.

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
        raise ConfigError(f"config/{name}.yaml: its defaults list leads back to itself: {cycle}")
    if not file.is_file():
        return  # Hydra says which list asked for it.
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
            f"{where}: the tag {node.tag} is not read; write plain text, numbers, lists and keys"
        )
    if isinstance(node, yaml.ScalarNode):
        if _RESOLVER.search(node.value):
            raise ConfigError(
                f"{where}: {node.value!r} takes a value from elsewhere; the same config must mean the same"
            )
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_node(item, file)
    else:
        seen = set()
        for key, item in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise ConfigError(
                    f"{file}, line {key.start_mark.line + 1}: the key {key.value!r} stands there twice"
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            _check_node(key, file)
            _check_node(item, file)


def _defaults(root: Any, name: PurePosixPath) -> Iterator[str]:
    """The files that a file's defaults list names, as paths inside the config folder without suffix."""
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
    """Refuse a leaf that sets what is another group's, or whose package line is missing.

    Parameters
    ----------
    composed : mapping
        What Hydra made of it; begins at the config's root.
    group, name : str
        Where it stands.

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
            raise ConfigError(f"{file}: sets {key!r}, which is no part of {group}")
    if not isinstance(inside, Mapping):
        raise ConfigError(f"{file}: says nothing of {group}")
    for key, value in composed.items():
        check_plain(value, f"{file}: {key}")
    if group == "resolution":
        check_schema(inside, SCHEMAS / "resolution.schema.yaml", f"{file}: resolution")
    elif group == "weights" and name in ("trained", "untrained") and inside.get("kind") != name:
        raise ConfigError(f"weights.{name}.kind: {inside.get('kind')!r} is not {name}")
    elif group == "weights" and inside.get("kind") in ("trained", "untrained"):
        check_schema(inside, SCHEMAS / "weights.schema.yaml", f"weights.{name}")
    elif group == "model" and "_target_" not in (inside.get("encoding") or {}):
        raise ConfigError(f"{file}: encoding._target_: is missing")


def _check_experiment_name(name: str) -> None:
    if not _NAME.fullmatch(name) or "@" in name or "_" in name or len(name) > LONGEST:
        raise ConfigError(f"experiment: {name!r} is no name for a folder of results: take a-z, 0-9, - and .")
    if name.partition("/")[0] in RESERVED:
        raise ConfigError(
            f"experiment: {name!r}: results/{name.partition('/')[0]} is for what experiments share"
        )


def check(experiment: Experiment, store: "LeafStore") -> None:
    """Hold a resolved experiment against itself: what each part names must be there, and be enough.

    Parameters
    ----------
    experiment : Experiment
    store : LeafStore
        Knows which leaves there are.

    Raises
    ------
    ConfigError
        For the first mistake, naming the key.
    """
    key = f"experiment.{experiment.name.partition('@')[0]}"
    user_files.check(experiment)
    _check_names(experiment)
    check_target(experiment.intervals, "config.intervals")
    _check_optional(experiment, store, key)
    _check_features(experiment)
    _check_shown(experiment, store, key)
    if experiment.tasks:
        _check_leaks(experiment, store)
        _check_heads(experiment, key)
        _check_folds(experiment)
        _check_statistics(experiment)


def _check_names(experiment: Experiment) -> None:
    kinds = {
        "variant": experiment.variants,
        "point set": experiment.points,
        "feature store": experiment.features,
        "data set": experiment.datasets,
        "task": experiment.tasks,
    }
    for kind, names in kinds.items():
        for name in names:
            if not _NAME.fullmatch(name) or "/" in name:
                raise ConfigError(f"{name!r} is no name for the files of a {kind}: take a-z, 0-9, - and .")
            if len(name) > LONGEST:
                raise ConfigError(
                    f"the name of the {kind} {name!r} has {len(name)} characters, more than {LONGEST}"
                )


def _check_optional(experiment: Experiment, store: "LeafStore", key: str) -> None:
    branches = experiment.settings["branches"]
    for branch in experiment.settings.get("optional", []):
        weights = branches[branch].get("weights", [])
        kinds = {store.get("weights", name, key)["weights"].get("kind") for name in weights}
        if "released" not in kinds:
            raise ConfigError(
                f"{key}.optional: {branch!r} names no released weights, so nothing of it can be missing"
            )


def _check_features(experiment: Experiment) -> None:
    for feature in experiment.features.values():
        leaf, n = feature["config"], experiment.points[feature["points"]]["n"]
        key = f"modality.sources.{feature['source']}"
        if leaf.get("filter_size", 0) > leaf.get("pixels", math.inf):
            raise ConfigError(
                f"{key}.filter_size: {leaf['filter_size']} is more than the {leaf['pixels']} pixels"
            )
        if leaf.get("fit_locations", 0) > n:
            raise ConfigError(f"{key}.fit_locations: {leaf['fit_locations']} are more than the {n} locations")
        _check_variable(leaf, experiment.datasets, key)
    for name, task in experiment.tasks.items():
        _check_variable(task, experiment.datasets, f"task.{name}")


def _check_variable(leaf: Plain, datasets: Mapping[str, Plain], key: str) -> None:
    """A user's own raster says which variable it holds; other data sets tell when they are made."""
    dataset = datasets[leaf["dataset"]]
    if (
        dataset["_target_"] == user_files.RASTER
        and leaf.get("variable", dataset["variable"]) != dataset["variable"]
    ):
        raise ConfigError(
            f"{key}.variable: {leaf['variable']!r} is not in the data set {leaf['dataset']}, which holds "
            f"{dataset['variable']!r}"
        )


def _check_shown(experiment: Experiment, store: "LeafStore", key: str) -> None:
    """What the experiment says of figures must be there, drawn or not; kinds name heads that exist, each once."""
    said = experiment.settings.get("shown", {})
    heads = {head for heads in experiment.settings.get("heads", {}).values() for head in heads}
    among = {
        "estimator": experiment.settings["estimators"],
        "head": sorted(heads),
        "split": list(experiment.splits),
        "optimistic_split": list(experiment.splits),
    }
    for part, names in among.items():
        if part in said and said[part] not in names:
            raise ConfigError(f"{key}.shown.{part}: {said[part]!r} is none of {', '.join(names)}")
    where = f"{key}.shown.kinds" if "kinds" in said else "config.shown.kinds"
    seen: dict[str, str] = {}
    for kind, names in experiment.shown["kinds"].items():
        for name in names:
            if name not in store.options("head"):
                raise ConfigError(f"{where}.{kind}: there is no head {name!r}")
            if seen.setdefault(name, kind) != kind:
                raise ConfigError(f"{where}.{kind}: {name!r} stands under {seen[name]} already")


def _check_leaks(experiment: Experiment, store: "LeafStore") -> None:
    sources = _sources(store)
    leaks = {source for task in experiment.tasks.values() for key in LEAKS for source in task[key]}
    for variant in experiment.variants.values():
        for source in variant.config["weights"].get("sources", []):
            if source not in sources | leaks:
                leaf = frozen.leaves(experiment.settings)[variant.name]
                raise ConfigError(
                    f"weights.{leaf}.sources: no modality has a source {source!r}, and no task is leaked by it"
                )
    sources |= {
        source for one in experiment.variants.values() for source in one.config["weights"].get("sources", [])
    }
    known = ", ".join(sorted(sources))
    for name, task in experiment.tasks.items():
        for key in LEAKS:
            for source in task[key]:
                if source not in sources:
                    raise ConfigError(
                        f"task.{name}.{key}: no modality has a source {source!r}; there are {known}"
                    )
        both = sorted(set(task["leaked_by"]) & set(task["leaked_in_part_by"]))
        if both:
            raise ConfigError(f"task.{name}.leaked_in_part_by: {both[0]!r} stands in leaked_by already")


def _sources(store: "LeafStore") -> set[str]:
    """Names of the sources in all leaves of config/modality, in use or not."""
    found: set[str] = set()
    for name in store.options("modality"):
        leaf = store.get("modality", name, "modality")["modality"]
        check_schema(leaf, SCHEMAS / "modality.schema.yaml", f"modality.{name}")
        found |= set(leaf["sources"])
    return found


def _check_heads(experiment: Experiment, key: str) -> None:
    """Every variant that is probed has a head for every task."""
    kinds = {"own": "released", "table": "released"}
    used = {kinds.get(variant.kind, variant.kind) for variant in experiment.variants.values()}
    lists = {kind: experiment.settings["heads"][kind] for kind in sorted(used)}
    if lists and not any(lists.values()):
        raise ConfigError(f"{key}.heads: there are tasks, and none of {', '.join(lists)} has a head")
    for kind, heads in lists.items():
        taken = [_kinds_of_head(experiment.heads[head]["_target_"]) for head in heads]
        for name, task in experiment.tasks.items() if heads and None not in taken else ():
            if not any(task["kind"] in one for one in taken):
                raise ConfigError(
                    f"{key}.heads.{kind}: no head of {', '.join(heads)} takes {name}, a {task['kind']}"
                )


@cache
def _kinds_of_head(path: str) -> tuple[str, ...] | None:
    """The kinds of task that a head says it takes; None where its text does not tell."""
    found = definition(path)
    for item in found.body if isinstance(found, ast.ClassDef) else ():
        names = [item.target] if isinstance(item, ast.AnnAssign) else getattr(item, "targets", [])
        if any(isinstance(name, ast.Name) and name.id == "kinds" for name in names):
            return ast.literal_eval(item.value)
    return None


def _check_folds(experiment: Experiment) -> None:
    """No split asks for more folds than there can be points or blocks."""
    n = experiment.points[experiment.task_points]["n"]
    for name, leaf in experiment.splits.items():
        most, what = n, f"{n} points"
        # Half of what fits the globe's 41,253 square degrees: below that nobody needs to count, which costs an import.
        if "degrees" in leaf and max(leaf["folds"], leaf["inner_folds"]) > 20_000 / leaf["degrees"] ** 2:
            blocks = _blocks(leaf["degrees"])
            if blocks < n:
                most, what = blocks, f"{blocks} blocks of {leaf['degrees']} degrees"
        for key in ("folds", "inner_folds"):
            if leaf[key] > most:
                raise ConfigError(f"split.{name}.{key}: {what} cannot be cut into {leaf[key]} folds")


@cache
def _blocks(degrees: float) -> int:
    """How many blocks of a size cover the globe: the last of them lies at the north pole, in the east."""
    from earthdim.geo import equal_area_blocks

    return int(equal_area_blocks([[180.0, 90.0], [179.999999, 90.0]], degrees).max()) + 1


def _check_statistics(experiment: Experiment) -> None:
    """The claims that are named beforehand are of what the experiment measures."""
    spaces = {
        "embedding": experiment.settings["estimators"],
        "activation": [experiment.settings["activation_estimator"]],
    }
    known = {
        "task": set(experiment.tasks),
        "split": set(experiment.splits),
        "head": set(experiment.heads),
        "coefficient": set(experiment.statistics["coefficients"]),
        "points": {*experiment.sample_points, *experiment.own_points.values(), experiment.task_points},
    }
    for number, claim in enumerate(experiment.statistics.get("primary", [])):
        within = [claim["space"]] if "space" in claim else spaces
        estimators = [name for space in within for name in spaces[space]]
        for column, names in {**known, **_columns(experiment, estimators)}.items():
            wanted = claim.get(column, [])
            for name in wanted if isinstance(wanted, list) else [wanted]:
                if name not in names:
                    raise ConfigError(
                        f"statistics.primary.{number}.{column}: the experiment has no {name!r}; it has "
                        f"{', '.join(map(str, sorted(names)))}"
                    )


def _columns(experiment: Experiment, estimators: list[str]) -> dict[str, set]:
    """What tables say of estimators."""
    leaves = {name: experiment.estimators[name] for name in estimators}
    return {
        "estimator": {leaf.get("name", name) for name, leaf in leaves.items()},
        "k": {leaf["k"] for leaf in leaves.values()} - {None},
        "aggregation": {leaf["aggregation"] for leaf in leaves.values()},
    }
