"""Inputs, options and caption facts of a figure, from its declaration and the resolved experiment.

Paths begin with `<results>`, as in the rules.
"""

from typing import Any

from earthdim.experiment import queries
from earthdim.experiment.model import Experiment
from earthdim.figures.declaration import declared
from earthdim.storage.digests import digest

# Inputs other than tables: one file per variant, or a data set.
STORES = {
    "maps": "<results>/{experiment}/variants/{variant}/{points}/local_dimension.zarr",
    "curves": "<results>/variants/{variant}/training.csv",
    "coastline": "<results>/data/datasets/coastline.zarr",
}


def inputs(experiment: Experiment, name: str) -> dict[str, str | list[str]]:
    """Return the inputs of a figure and its caption: name -> path or list of paths.

    Parameters
    ----------
    experiment : Experiment
    name : str
        Name of the figure.
    """
    figure = declared(name)
    made = queries.tables(experiment)
    names = [*figure.inputs, *(table for table in figure.optional if table in made), *figure.caption_inputs]
    return {item: _path(experiment, item) for item in dict.fromkeys(names)}


def _path(experiment: Experiment, item: str) -> str | list[str]:
    if item == "curves":
        trained = [name for name, variant in experiment.variants.items() if variant.kind == "trained"]
        return [STORES[item].format(variant=variant) for variant in trained]
    if item == "maps":
        # One trained variant per model and resolution, and all external encoders and tables.
        return [
            STORES[item].format(experiment=experiment.name, variant=variant, points=points)
            for variant in queries.one_per_resolution(experiment)
            for points in queries.dimension_points(experiment, variant)[:1]
        ]
    return STORES.get(item, f"<results>/{experiment.name}/tables/{item}.csv")


def config(experiment: Experiment, name: str) -> dict[str, Any]:
    """Return everything that determines a figure, apart from its inputs and the code.

    Parameters
    ----------
    experiment : Experiment
    name : str
        Name of the figure.

    Returns
    -------
    dict
        `_target_`, the options of `draw`, the facts for the caption, and the digest of the caption's template.
    """
    figure = declared(name)
    chosen = _chosen(experiment)
    options = {**figure.options, **{argument: chosen[choice] for argument, choice in figure.chosen.items()}}
    return {
        "_target_": f"earthdim.figures.{name}.draw",
        "options": options,
        "facts": {**_facts(experiment), **_shown(options)},
        "caption": digest(figure.template()),
    }


def _chosen(experiment: Experiment) -> dict[str, Any]:
    """Values that the experiment sets for its figures: the keys of `earthdim.figures.declaration.CHOSEN`."""
    shown = experiment.shown
    name, k = _measure(experiment, shown["estimator"])
    activation_name, activation_k = _measure(experiment, experiment.settings.get("activation_estimator"))
    return {
        "cell": list(experiment.cell),
        "splits": list(experiment.splits),
        "kinds of heads": queries.kinds_of_heads(experiment),
        "objectives": queries.objectives(experiment),
        "batch": _batch(experiment),
        "estimator": name,
        "k": k,
        "activation estimator": activation_name,
        "activation k": activation_k,
        "heads": [shown["head"]],
        "split": shown["split"],
        "optimistic split": shown["optimistic_split"],
    }


def _batch(experiment: Experiment) -> int | None:
    """Pairs per batch, if all trained variants have the same number."""
    schedules = [one.config["schedule"] for one in experiment.variants.values() if one.kind == "trained"]
    sizes = {schedule["batch"] for schedule in schedules}
    return sizes.pop() if len(sizes) == 1 else None


def _measure(experiment: Experiment, name: str | None) -> tuple[str | None, int | None]:
    """Name of an estimator in the tables, and its k."""
    leaf = experiment.estimators.get(name, {})
    return leaf.get("name", name), leaf.get("k")


def _facts(experiment: Experiment) -> dict[str, Any]:
    """Facts for captions from the configuration. Facts on tasks are None in an experiment without tasks."""
    blocks = experiment.splits.get(experiment.shown["split"], {})
    trained = {variant.axes["seed"] for variant in experiment.variants.values() if variant.kind == "trained"}
    return {
        "n": experiment.points[experiment.sample_points[0]]["n"],
        "task_n": experiment.points.get(experiment.task_points, {}).get("n"),
        "sample": experiment.sample_points[0],
        "k_local": experiment.estimators[experiment.settings["local_estimator"]]["k"],
        "seeds": len(trained),
        "draws": experiment.statistics.get("draws"),
        "draws_of_points": len(experiment.sample_points),
        "folds": blocks.get("folds"),
        "block_degrees": blocks.get("degrees"),
        "buffer_km": blocks.get("buffer_km"),
    }


def _shown(options: dict[str, Any]) -> dict[str, Any]:
    """Facts for captions from the options: split, level, and the head if a single one is shown."""
    facts = {name: options[name] for name in ("split", "level", "batch") if options.get(name) is not None}
    heads = options.get("heads")
    return {**facts, "head": heads[0]} if isinstance(heads, list) else facts
