"""Checks of a resolved experiment that no single leaf can decide."""

import ast
import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from earthdim.experiment import external, user_files
from earthdim.experiment.model import Experiment, Plain
from earthdim.experiment.validation import (
    SCHEMAS,
    ConfigError,
    check_schema,
    check_target,
    definition,
)

if TYPE_CHECKING:
    from earthdim.experiment.leaves import LeafStore
from earthdim.experiment.config_files import _NAME, LONGEST

LEAKS = ("leaked_by", "leaked_in_part_by")


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
                leaf = external.leaves(experiment.settings)[variant.name]
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
