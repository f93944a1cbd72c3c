"""Parts of an experiment other than its variants: estimators, scale, costly estimators, Jacobian, figures, data sets.

Functions take and return plain values. `key` is the key of the experiment in config, with which error messages begin.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from earthdim.data import regions
from earthdim.experiment import limits
from earthdim.experiment.code import is_installed
from earthdim.experiment.model import Plain, Variant, in_branches
from earthdim.experiment.signatures import argument_names
from earthdim.experiment.targets import check_target
from earthdim.experiment.validation import ConfigError, check_schema
from earthdim.figures.declaration import DeclarationError, Figure, declared, figures

# Keys that probing requires together; an experiment without any of them measures dimension only.
PROBING = ("task_sample", "activation_estimator", "tasks", "splits", "heads", "statistics")
# Arguments of every sampler, supplied by the workflow.
SAMPLER = frozenset({"n", "rng", "is_land"})


def probing(settings: Plain, key: str) -> bool:
    """Whether the experiment probes tasks.

    Raises
    ------
    ConfigError
        If some of the keys of `PROBING` are missing, but not all.
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
    """Check that the estimators of an experiment suit their roles and the depth of the graphs.

    Parameters
    ----------
    settings : dict
        The experiment's leaf.
    leaves : mapping
        Name -> leaf of all its estimators.
    depth : int
        Neighbours per point in each graph.
    key : str
        The experiment's key.

    Raises
    ------
    ConfigError
        If an estimator does not suit its role, reads more neighbours than a graph holds, or two estimators would be
        indistinguishable in tables.
    """
    local = settings["local_estimator"]
    if local not in settings["estimators"] or leaves[local]["aggregation"] == "global":
        raise ConfigError(f"{key}.local_estimator: must be one of estimators, with a value at each point")
    activation = settings.get("activation_estimator")
    if activation is not None and leaves[activation]["reads"] not in limits.FROM_GRAPH:
        raise ConfigError(f"{key}.activation_estimator: must read neighbours or distances")
    limits.check_depth(leaves, depth)
    for part, names in estimator_lists(settings).items():
        _check_distinct(names, leaves, f"{key}.{part}")


def _check_distinct(names: Sequence[str], leaves: Mapping[str, Plain], key: str) -> None:
    """Reject two estimators whose rows in a table would be indistinguishable."""
    seen: dict[tuple, str] = {}
    for name in names:
        row = (leaves[name].get("name", name), leaves[name]["k"], leaves[name]["aggregation"])
        if seen.setdefault(row, name) != name:
            raise ConfigError(
                f"{key}: {seen[row]} and {name} would both appear in tables as {row[0]}, k = {row[1]}, {row[2]}"
            )


def check_branches(branches: Sequence[str], settings: Plain, key: str) -> None:
    """Reject branches that the experiment does not have.

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
    """Names of the variants of some branches, all of which can be evaluated at arbitrary points.

    Raises
    ------
    ConfigError
        If a branch is unknown, or holds a table of embeddings, which is defined at its own points only.
    """
    check_branches(branches, settings, f"{key}.branches")
    chosen = list(in_branches(variants, branches))
    for variant in chosen:
        if variant.kind == "table":
            raise ConfigError(f"{key}.branches: {variant.name} is a table, defined at its own points only")
    return [variant.name for variant in chosen]


def check_figures(
    settings: Plain,
    variants: Mapping[str, Variant],
    datasets: Mapping[str, Plain],
    shown: Plain,
    replicates: int,
    key: str,
) -> None:
    """Reject figures that are unknown or show results that the experiment does not produce.

    Parameters
    ----------
    settings : dict
        The experiment's leaf.
    variants, datasets : mapping
        Name -> resolved value.
    shown : dict
        The experiment's `shown`, completed from config.yaml.
    replicates : int
        Replicates of its sample.
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
    """Return the declaration of a figure."""
    try:
        if name not in figures():
            raise ConfigError(f"{key}.figures: there is no figure {name!r}; there are {', '.join(figures())}")
        return declared(name)
    except DeclarationError as error:
        raise ConfigError(f"{key}.figures: {error}") from None


def _made(
    settings: Plain, variants: Mapping[str, Variant], datasets: Mapping[str, Plain], replicates: int
) -> dict[str, bool]:
    """Whether the experiment meets each of the needs in `earthdim.figures.declaration.NEEDS`."""
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
    """The names from which an experiment selects a part of `shown`."""
    if part == "estimator":
        return settings["estimators"]
    return settings["heads"]["trained"] if part == "head" else settings["splits"]


def check_support(leaf: Plain, key: str) -> None:
    """Reject samples from regions or files that do not exist.

    Raises
    ------
    ConfigError
        Naming the key.
    """
    built, key = leaf["build"], f"{key}.build"
    if SAMPLER - argument_names(built["_target_"]):
        raise ConfigError(
            f"{key}._target_: {built['_target_']!r} is not a sampler: samplers take n, rng and is_land"
        )
    _check_path(built, key)
    limits.check_box(built, key)
    if "dataset" in leaf and "inside" not in built:
        raise ConfigError(
            f"{key}.inside: is missing; the sample names the data set {leaf['dataset']!r} for it"
        )
    if "inside" in built:
        check_target(built["inside"], f"{key}.inside", frozenset({"dataset"}))
        try:
            regions.check(built["inside"]["level"], built["inside"]["name"])
        except ValueError as error:
            raise ConfigError(str(error)) from None


def _check_path(built: Plain, key: str) -> None:
    if "path" in built and not Path(built["path"]).exists():
        raise ConfigError(f"{key}.path: {built['path']} does not exist")


def encodings(value: str | list[str]) -> list[str]:
    """The encodings that a leaf of config/resolution applies to: one, or a list."""
    return [value] if isinstance(value, str) else value


def check_dataset(leaf: Plain, schema: Path, key: str) -> None:
    """Reject data sets that cannot be read because a target, file or package does not exist.

    Raises
    ------
    ConfigError
        Naming the key.
    """
    check_schema(leaf, schema, key)
    check_target(leaf["build"], f"{key}.build")
    _check_path(leaf["build"], f"{key}.build")
    for package in leaf["about"]["package"].split():
        if not is_installed(package):
            raise ConfigError(f"{key}.about.package: {package} is not installed")
