"""Queries that rules and tables make to a resolved experiment."""

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any

from earthdim.experiment.model import Experiment, Variant
from earthdim.experiment.validation import ConfigError
from earthdim.storage.digests import digest
from earthdim.storage.schema import CONTROLS, COUNTERPARTS, EXTERNAL, TRAINED

# Keys of --config, and the only target that reads each of them, if there is one.
CONFIG_KEYS = {"experiment": None, "overrides": None, "branch": "branch", "row": "trace", "variant": "trace"}
# Targets that make no table and no report.
ASIDE = frozenset({"branch", "fetch", "verify", "trace", "archive"})


def facts(variant: Variant) -> dict[str, Any]:
    """The columns of tables that describe a variant, as plain values."""
    return {
        "variant": variant.name,
        **variant.axes,
        "branches": list(variant.branches),
        **{name: getattr(variant, name) for name in COUNTERPARTS},
        "family": variant.config["model"]["family"],
        "counted": variant.counted,
        # Shuffled observations say nothing about their locations, so they leak no task.
        "sources": []
        if variant.kind == "shuffled"
        else sorted(variant.features or variant.config["weights"].get("sources", [])),
    }


def resolved(experiment: Experiment) -> dict[str, Any]:
    """The whole experiment as one value of mappings, lists and tuples, which shares its parts with the experiment."""
    # `asdict` would copy every leaf of every variant.
    nested = {
        kind: {name: vars(one) for name, one in getattr(experiment, kind).items()}
        for kind in ("variants", "missing")
    }
    return {"experiment": {**vars(experiment), **nested}, "math_threads": experiment.math_threads}


def one_of(names: Iterable[str]) -> str:
    """A regular expression that matches exactly these names, or nothing if there are none."""
    return "|".join(sorted(map(re.escape, names))) or "(?!)"


def check_keys(config: Mapping[str, Any], asked: Iterable[str] | None = None) -> None:
    """Reject unknown `--config` keys, and keys whose target the command does not request.

    Parameters
    ----------
    config : mapping
        Values of ``--config``.
    asked : iterable of str, optional
        Words of the command line. Paths of a branch's files count as a request for `branch`. None checks for unknown
        keys only.

    Raises
    ------
    ConfigError
        Naming the first such key.
    """
    for key in config:
        if key not in CONFIG_KEYS:
            known = ", ".join(CONFIG_KEYS)
            raise ConfigError(f"--config {key}: unknown key; known keys: {known}")
        target = CONFIG_KEYS[key]
        words = [target] if asked is None or target is None else list(asked)
        if target is not None and target not in words and not any(f"/{target}" in word for word in words):
            raise ConfigError(
                f"--config {key}: is read by the target `{target}` only; add `{target}` to the command"
            )


def one_per_resolution(experiment: Experiment) -> list[str]:
    """Names of the first trained variant of each model and resolution, and of all external encoders and tables."""
    first: dict[tuple, str] = {}
    for variant in experiment.variants.values():
        if variant.kind not in CONTROLS:
            place = tuple(variant.axes[axis] for axis in ("model", "resolution"))
            first.setdefault((variant.name if variant.kind in EXTERNAL else "", *place), variant.name)
    return list(first.values())


def objectives(experiment: Experiment) -> dict[str, str]:
    """Trained variant -> name of its pre-training objective."""
    trained = (variant for variant in experiment.variants.values() if variant.kind == "trained")
    return {
        variant.name: variant.config["model"]["objective"]["_target_"].rpartition(".")[2]
        for variant in trained
    }


def heads_key(experiment: Experiment, kind: str) -> str:
    """The key of an experiment's `heads` whose list applies to a kind of variant."""
    named = {name: name for name in experiment.settings["heads"]}
    instead = {"shuffled": "trained", "raw": "untrained", **dict.fromkeys(EXTERNAL, "released")}
    return {**instead, **named}[kind]


def dimension_points(experiment: Experiment, variant: str) -> list[str]:
    """Names of the point sets at which the dimension of a variant is estimated."""
    return (
        [experiment.own_points[variant]] if variant in experiment.own_points else [*experiment.sample_points]
    )


def probe_points(experiment: Experiment, variant: str) -> str:
    """Name of the point set at which a variant is probed."""
    return experiment.own_points.get(variant, experiment.task_points)


def embedded_together(experiment: Experiment) -> list[str]:
    """Names of the point sets at which one job embeds a variant: those of the samples and of the tasks."""
    return list(dict.fromkeys(filter(None, (*experiment.sample_points, experiment.task_points))))


def together(experiment: Experiment) -> str:
    """Name of the folder of the point sets that are embedded together.

    It names all of them, because Snakemake compares a job's inputs with those that made its outputs: two experiments
    that share a variant share these embeddings only if the same job makes them.
    """
    names = embedded_together(experiment)
    return "+".join(names) if len(names) <= 3 else f"{names[0]}+{len(names) - 1}@{digest(names, 8)}"


def embedded_at(experiment: Experiment, points: str) -> str:
    """Folder of the embeddings at a point set, below the folder of each variant."""
    joint = points in embedded_together(experiment)
    return f"{together(experiment)}/{points}" if joint else points


def gpus(experiment: Experiment, variant: str) -> int:
    """Number of GPUs that the pre-training of a variant requests; a variant that is not trained requests none."""
    trained = experiment.variants[variant].kind in TRAINED
    return int(trained and experiment.pretraining["device"] == "cuda")


def gathered(experiment: Experiment) -> list[str]:
    """Names of the tables that are assembled from rows of variants or from other tables."""
    optional = {
        "probe": experiment.tasks,
        "controls": experiment.tasks,
        "missing": experiment.missing,
        "draws": len(experiment.sample_points) > 1,
        "scale": experiment.scale,
        "costly": experiment.costly,
        "jacobian": experiment.jacobian,
        "table1": "table1" in experiment.settings.get("compare", []),
    }
    return ["variants", "dimension", "left_out", *(name for name, wanted in optional.items() if wanted)]


def tables(experiment: Experiment) -> list[str]:
    """Names of all tables of an experiment."""
    correlated = ["correlation", "correlation_families", "correlation_summary"] if experiment.tasks else []
    return ["datasets", *gathered(experiment), *correlated]


def searched_in_blocks(experiment: Experiment) -> list[str]:
    """Names of the point sets whose kNN graphs are searched by several jobs."""
    least = experiment.neighbours["blocks_from"]
    return [name for name, points in experiment.points.items() if points["n"] >= least]


def searched_at_once(experiment: Experiment) -> list[str]:
    """Names of the point sets whose kNN graphs are searched by the jobs that estimate the dimension."""
    in_blocks = set(searched_in_blocks(experiment))
    return [name for name in experiment.points if name not in in_blocks]


def kinds_of_heads(experiment: Experiment) -> dict[str, list[str]]:
    """Kind of heads -> its heads in the experiment; kinds without one are omitted."""
    kinds = experiment.shown["kinds"].items()
    found = {kind: [head for head in heads if head in experiment.heads] for kind, heads in kinds}
    return {kind: heads for kind, heads in found.items() if heads}


def retrieval(experiment: Experiment) -> dict[str, dict[str, int]]:
    """Variant trained on shuffled pairs -> the candidates of its retrieval, and the pairs behind each of its shares."""
    keys = {"candidates": "candidates", "val_top1": "validation", "region_top1": "regions"}
    return {
        name: {
            key: variant.config["schedule"][of]
            for key, of in keys.items()
            if variant.config["schedule"].get(of)
        }
        for name, variant in experiment.variants.items()
        if variant.kind == "shuffled"
    }


def all_names(experiment: Experiment) -> set[str]:
    """All names that occur in the paths of an experiment's jobs."""
    kinds = (
        experiment.variants,
        experiment.points,
        [together(experiment)],
        experiment.features,
        experiment.datasets,
        experiment.tasks,
        tables(experiment),
        map(str, range(experiment.neighbours["blocks"])),
    )
    return {experiment.name, *experiment.settings["figures"], *itertools.chain(*kinds)}
