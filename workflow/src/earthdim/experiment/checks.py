"""Checks of a resolved experiment that involve several leaves."""

import ast
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from earthdim.experiment import external, limits, queries, user_files
from earthdim.experiment.branches import LAND, TRAINING
from earthdim.experiment.config_files import _NAME, LONGEST
from earthdim.experiment.model import Experiment, Plain
from earthdim.experiment.signatures import definition
from earthdim.experiment.targets import check_target
from earthdim.experiment.validation import SCHEMAS, ConfigError, check_schema
from earthdim.storage import python_source

if TYPE_CHECKING:
    from earthdim.experiment.leaves import LeafStore

LEAKS = ("leaked_by", "leaked_in_part_by")


def check(experiment: Experiment, store: "LeafStore") -> None:
    """Check the consistency of a resolved experiment: the names in each part exist, and sizes suffice.

    Parameters
    ----------
    experiment : Experiment
    store : LeafStore
        All leaves of the config folder.

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
    _check_draws(experiment)
    _check_shown(experiment, store, key)
    if experiment.tasks:
        _check_leaks(experiment, store)
        _check_heads(experiment, key)
        limits.check_folds(experiment.splits, experiment.points[experiment.task_points]["n"])
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
                raise ConfigError(f"{name!r}: is not a valid file name of a {kind}; use a-z, 0-9, - and .")
            if len(name) > LONGEST:
                raise ConfigError(
                    f"{name!r}: the name of the {kind} has {len(name)} characters, more than {LONGEST}"
                )


def _check_optional(experiment: Experiment, store: "LeafStore", key: str) -> None:
    branches = experiment.settings["branches"]
    for branch in experiment.settings.get("optional", []):
        weights = branches[branch].get("weights", [])
        kinds = {store.get("weights", name, key)["weights"].get("kind") for name in weights}
        if "released" not in kinds:
            raise ConfigError(
                f"{key}.optional: {branch!r} names no released weights; only those can be missing"
            )


def _check_features(experiment: Experiment) -> None:
    for feature in experiment.features.values():
        leaf, n = feature["config"], experiment.points[feature["points"]]["n"]
        key = f"modality.sources.{feature['source']}"
        limits.check_source(leaf, n, key)
        _check_variable(leaf["dataset"], leaf.get("variable"), experiment.datasets, f"{key}.variable")
    for name, task in experiment.tasks.items():
        variable = task["build"].get("variable")
        _check_variable(task["dataset"], variable, experiment.datasets, f"task.{name}.build.variable")


def _check_draws(experiment: Experiment) -> None:
    """Check that no sample shares its seed with the training locations: both would be the same places."""
    training = {
        (points["seed"], points["replicate"]): name
        for name, points in experiment.points.items()
        if points["kind"] == TRAINING
    }
    for name, points in experiment.points.items():
        same = training.get((points.get("seed"), points.get("replicate")))
        if same is not None and points["kind"] != TRAINING and points["build"]["_target_"] == LAND:
            raise ConfigError(
                f"{name}: has the same seed {points['seed']} as the training locations {same}, and so the same places"
            )


def _check_variable(dataset: str, variable: str | None, datasets: Mapping[str, Plain], key: str) -> None:
    """Check the variable read from a user's raster; those of other data sets are known once they are built."""
    built = datasets[dataset]["build"]
    if built["_target_"] == user_files.RASTER and variable not in (None, built["variable"]):
        raise ConfigError(
            f"{key}: {variable!r} is not in the data set {dataset}, which holds {built['variable']!r}"
        )


def _check_shown(experiment: Experiment, store: "LeafStore", key: str) -> None:
    """Check the names in `shown`, whether or not a figure uses them; kinds name existing heads, each once."""
    chosen = experiment.settings.get("shown", {})
    heads = {head for heads in experiment.settings.get("heads", {}).values() for head in heads}
    among = {
        "estimator": experiment.settings["estimators"],
        "head": sorted(heads),
        "split": list(experiment.splits),
        "optimistic_split": list(experiment.splits),
    }
    for part, names in among.items():
        if part in chosen and chosen[part] not in names:
            raise ConfigError(f"{key}.shown.{part}: {chosen[part]!r} is none of {', '.join(names)}")
    where = f"{key}.shown.kinds" if "kinds" in chosen else "config.shown.kinds"
    seen: dict[str, str] = {}
    for kind, names in experiment.shown["kinds"].items():
        for name in names:
            if name not in store.options("head"):
                raise ConfigError(f"{where}.{kind}: there is no head {name!r}")
            if seen.setdefault(name, kind) != kind:
                raise ConfigError(f"{where}.{kind}: {name!r} is already listed under {seen[name]}")


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
            raise ConfigError(f"task.{name}.leaked_in_part_by: {both[0]!r} is already in leaked_by")


def _sources(store: "LeafStore") -> set[str]:
    """Names of the sources in all leaves of config/modality."""
    found: set[str] = set()
    for name in store.options("modality"):
        leaf = store.get("modality", name, "modality")["modality"]
        check_schema(leaf, SCHEMAS / "modality.schema.yaml", f"modality.{name}")
        found |= set(leaf["sources"])
    return found


def _check_heads(experiment: Experiment, key: str) -> None:
    """Check that every kind of variant has a head for every task."""
    used = {queries.heads_key(experiment, variant.kind) for variant in experiment.variants.values()}
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
    """The attribute `kinds` of a head, from its source text; None if the text does not state it."""
    found = definition(path)
    value = python_source.assigned(found, "kinds") if isinstance(found, ast.ClassDef) else None
    return None if value is None else ast.literal_eval(value)


def _check_statistics(experiment: Experiment) -> None:
    """Check that the claims in `primary` refer to results that the experiment produces."""
    spaces = {
        "embedding": experiment.settings["estimators"],
        "activation": [experiment.settings["activation_estimator"]],
    }
    known = {
        "task": {name for name, task in experiment.tasks.items() if task["set"] == "claims"},
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
                        f"statistics.primary.{number}.{column}: the experiment has no {name!r}"
                        f"{' in the set claims' if column == 'task' else ''}; it has "
                        f"{', '.join(map(str, sorted(names)))}"
                    )


def _columns(experiment: Experiment, estimators: list[str]) -> dict[str, set]:
    """Values of the columns that describe estimators in tables."""
    leaves = {name: experiment.estimators[name] for name in estimators}
    return {
        "estimator": {leaf.get("name", name) for name, leaf in leaves.items()},
        "k": {leaf["k"] for leaf in leaves.values()} - {None},
        "aggregation": {leaf["aggregation"] for leaf in leaves.values()},
    }
