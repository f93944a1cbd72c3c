"""What an experiment chooses beside its variants, checked: estimators, scale, the costly ones, the Jacobian, figures.

Everything here takes and returns plain values; the keys of config in messages begin with `key`, the experiment's own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from earthdim.data import regions
from earthdim.experiment.code import is_installed
from earthdim.experiment.model import Plain, Variant, in_branches
from earthdim.experiment.validation import ConfigError, arguments, check_schema, check_target
from earthdim.figures.declaration import DeclarationError, Figure, declared, figures

# Probing takes all of these; an experiment with none of them measures dimension alone.
PROBING = ("task_sample", "activation_estimator", "tasks", "splits", "heads", "statistics")
# What every sampler takes.
SAMPLER = {"n", "rng", "is_land"}
# What an estimator reads that holds k neighbours of each point.
FROM_GRAPH = ("neighbours", "distances", "graph")


def probing(settings: Plain, key: str) -> bool:
    """Whether the experiment probes tasks.

    Raises
    ------
    ConfigError
        If it has some of the keys that probing takes, and not all.
    """
    missing = [name for name in PROBING if name not in settings]
    if missing and len(missing) < len(PROBING):
        raise ConfigError(f"{key}.{missing[0]}: is missing; {', '.join(PROBING)} come together")
    return not missing


def estimator_lists(settings: Plain) -> dict[str, list[str]]:
    """The estimators that an experiment names, by the key that names them."""
    lists = {"estimators": settings["estimators"]}
    for role in ("local_estimator", "activation_estimator"):
        if role in settings:
            lists[role] = [settings[role]]
    for part in ("scale", "costly"):
        if part in settings:
            lists[f"{part}.estimators"] = settings[part]["estimators"]
    return lists


def check_estimators(settings: Plain, leaves: Mapping[str, Plain], depth: int, key: str) -> None:
    """Hold an experiment's estimators against their parts and against the depth of the graphs.

    Parameters
    ----------
    settings : dict
        The experiment's leaf.
    leaves : mapping
        Name -> leaf of all its estimators.
    depth : int
        Neighbours kept in each graph.
    key : str
        The experiment's key.

    Raises
    ------
    ConfigError
        If one cannot play its part, looks further than the graphs go, or two would be one in tables.
    """
    local = settings["local_estimator"]
    if local not in settings["estimators"] or leaves[local]["aggregation"] == "global":
        raise ConfigError(f"{key}.local_estimator: must be one of estimators, with a value at each point")
    activation = settings.get("activation_estimator")
    if activation is not None and leaves[activation]["reads"] not in FROM_GRAPH:
        raise ConfigError(f"{key}.activation_estimator: must read neighbours or distances")
    for name, leaf in leaves.items():
        if neighbours_of(leaf) > depth:
            raise ConfigError(
                f"estimator.{name}.k: {leaf['k']} is above neighbours.k = {depth} of config.yaml"
            )
    for part, names in estimator_lists(settings).items():
        _check_apart(names, leaves, f"{key}.{part}")


def neighbours_of(leaf: Plain) -> int:
    """How many neighbours of each point an estimator reads from the graph; 0 where it reads none."""
    return leaf["k"] or 0 if leaf["reads"] in FROM_GRAPH else 0


def _check_apart(names: Sequence[str], leaves: Mapping[str, Plain], key: str) -> None:
    """Refuse two estimators whose rows in a table could not be told apart."""
    seen: dict[tuple, str] = {}
    for name in names:
        row = (leaves[name].get("name", name), leaves[name]["k"], leaves[name]["aggregation"])
        if seen.setdefault(row, name) != name:
            raise ConfigError(
                f"{key}: {seen[row]} and {name} would both stand in tables as {row[0]}, k = {row[1]}, {row[2]}"
            )


def check_branches(branches: Sequence[str], settings: Plain, key: str) -> None:
    """Refuse a branch that the experiment does not have.

    Raises
    ------
    ConfigError
        Naming the first such branch.
    """
    known = settings["branches"]
    for branch in branches:
        if branch not in known:
            raise ConfigError(f"{key}: {branch!r} is not a branch; there are {', '.join(sorted(known))}")


def chosen_variants(
    branches: Sequence[str], settings: Plain, variants: Mapping[str, Variant], key: str
) -> list[str]:
    """Names of the variants of some branches, which are to be read at points of our choice.

    Raises
    ------
    ConfigError
        If a branch is unknown, or holds a table of embeddings, which has no points but its own.
    """
    check_branches(branches, settings, f"{key}.branches")
    chosen = list(in_branches(variants, branches))
    for variant in chosen:
        if variant.kind == "table":
            raise ConfigError(f"{key}.branches: {variant.name} is a table, with no points but its own")
    return [variant.name for variant in chosen]


def sizes_within(sizes: Sequence[int], n: int, largest: int, key: str) -> list[int]:
    """Numbers of points of a sample, ascending.

    Parameters
    ----------
    sizes : sequence of int
        What the experiment asks for.
    n : int
        Points of the sample.
    largest : int
        At least n: points of the sample without overrides. An override that takes fewer cuts the sizes down to them.
    key : str
        The key of the sizes.

    Raises
    ------
    ConfigError
        If a size is above `largest`.
    """
    for size in sizes:
        if size > largest:
            raise ConfigError(f"{key}: {size} is above the n = {n} of the sample")
    return sorted({min(size, n) for size in sizes})


def check_reach(
    names: Sequence[str], leaves: Mapping[str, Plain], n: int, key: str, subsampling: Plain | None = None
) -> None:
    """Refuse an estimator whose k is too large for n points, or for half of them where half samples are taken.

    Raises
    ------
    ConfigError
        If a k is not below the number of points less one.
    """
    halved = subsampling is not None and n <= subsampling["up_to"]
    for name in names:
        k = leaves[name]["k"]
        if k is not None and k >= (n // 2 if halved else n) - 1:
            raise ConfigError(
                f"{key}: {'half of ' if halved else ''}{n} points are too few for estimator.{name}, whose k is {k}"
            )


def check_figures(
    settings: Plain,
    variants: Mapping[str, Variant],
    datasets: Mapping[str, Plain],
    shown: Plain,
    replicates: int,
    key: str,
) -> None:
    """Refuse a figure that is not known or shows what the experiment does not make.

    Parameters
    ----------
    settings : dict
        The experiment's leaf.
    variants, datasets : mapping
        Name -> what was resolved.
    shown : dict
        The experiment's `shown`, with config.yaml's in place of what it does not say.
    replicates : int
        Draws of its sample.
    key : str
        The experiment's key.

    Raises
    ------
    ConfigError
        For the first such figure.
    """
    made = _made(settings, variants, datasets, replicates)
    for name in settings["figures"]:
        figure = _figure(name, key)
        for need in figure.all_needs:
            if not made[need]:
                raise ConfigError(
                    f"{key}.figures: {name!r} needs {need}, which this experiment does not have"
                )
        for part in figure.shows:
            among = _among(settings, part)
            if shown[part] not in among:
                raise ConfigError(
                    f"{key}.shown.{part}: {shown[part]!r}, which the figure {name!r} shows, is none of "
                    f"{', '.join(among)}"
                )


def _figure(name: str, key: str) -> Figure:
    """What a figure declares."""
    try:
        if name not in figures():
            raise ConfigError(f"{key}.figures: there is no figure {name!r}; there are {', '.join(figures())}")
        return declared(name)
    except DeclarationError as error:
        raise ConfigError(f"{key}.figures: {error}") from None


def _made(
    settings: Plain, variants: Mapping[str, Variant], datasets: Mapping[str, Plain], replicates: int
) -> dict[str, bool]:
    """Whether the experiment has what figures may need: `earthdim.figures.declaration.NEEDS`."""
    return {
        "trained variants": any(variant.kind == "trained" for variant in variants.values()),
        "untrained twins": any(variant.twin for variant in variants.values()),
        "tasks": "tasks" in settings,
        "the data set coastline": "coastline" in datasets,
        "replicates of its sample": replicates > 1,
        **{part: part in settings for part in ("scale", "costly", "jacobian")},
        "compare: [table1]": "table1" in settings.get("compare", []),
    }


def _among(settings: Plain, part: str) -> list[str]:
    """What an experiment has of what a part of `shown` names."""
    if part == "estimator":
        return settings["estimators"]
    return settings["heads"]["trained"] if part == "head" else settings["splits"]


def check_schedule(schedule: Plain) -> None:
    """Refuse numbers of a schedule that do not fit each other.

    Raises
    ------
    ConfigError
        Naming the first key.
    """
    for name in ("batch", "candidates"):
        if schedule["validation"] % schedule[name]:
            raise ConfigError(
                f"schedule.validation: {schedule['validation']} is no multiple of {name} {schedule[name]}"
            )
    if schedule["warmup_steps"] >= schedule["steps"]:
        raise ConfigError(
            f"schedule.warmup_steps: {schedule['warmup_steps']} is not below steps {schedule['steps']}"
        )
    if schedule["locations"] < schedule["batch"]:
        raise ConfigError(
            f"schedule.batch: {schedule['batch']} is more than the {schedule['locations']} locations"
        )


def check_support(leaf: Plain, key: str) -> None:
    """Refuse a sample from a region that does not exist, or from a file that is not there.

    Raises
    ------
    ConfigError
        Naming the key.
    """
    if SAMPLER - arguments(leaf["_target_"]):
        raise ConfigError(
            f"{key}._target_: {leaf['_target_']!r} is no sampler, which takes n, rng and is_land"
        )
    if "path" in leaf and not Path(leaf["path"]).exists():
        raise ConfigError(f"{key}.path: {leaf['path']} does not exist")
    if "south" in leaf and not leaf["south"] < leaf["north"]:
        raise ConfigError(f"{key}.south: {leaf['south']} is not below north, {leaf['north']}")
    if "inside" in leaf:
        # The region is built where its data set is at hand, which its leaf does not say.
        check_target(leaf["inside"], f"{key}.inside")
        try:
            regions.check(leaf["inside"]["level"], leaf["inside"]["name"])
        except ValueError as error:
            raise ConfigError(str(error)) from None


def encodings(value: str | list[str]) -> list[str]:
    """The encodings that a leaf of config/resolution is for: one, or a list."""
    return [value] if isinstance(value, str) else value


def check_dataset(leaf: Plain, schema: Path, key: str) -> None:
    """Refuse a data set that cannot be read: no such target, file or package.

    Raises
    ------
    ConfigError
        Naming the key.
    """
    check_schema(leaf, schema, key)
    check_target(leaf, key, frozenset({"about"}), whole=True)
    if "path" in leaf and not Path(leaf["path"]).exists():
        raise ConfigError(f"{key}.path: {leaf['path']} does not exist")
    for package in leaf["about"]["package"].split():
        if not is_installed(package):
            raise ConfigError(f"{key}.about.package: {package} is not installed")
