"""Synthetic tables with the real schema, for the tests of cells and correlations."""

import itertools

import numpy as np
import pandas as pd

SETTINGS = {
    "cell": ["family", "model", "resolution", "modality", "objective", "schedule"],
    "coefficients": ["spearman", "kendall", "pearson"],
    "draws": 199,
    "seed": 0,
    "confidence": 0.95,
    "min_families": 4,
    "min_cells": 4,
    "gate": "enforce",
    "primary": [
        {
            "estimator": "fishers",
            "space": "embedding",
            "split": "blocks",
            "level": "within",
            "coefficient": "spearman",
        }
    ],
}
FOUR = {"csp": 5, "geoclip": 4, "satclip": 6, "sinr": 4}


def make_tables(
    families=None,
    seeds=(0,),
    tasks=("climate", "elevation"),
    splits=("blocks", "random"),
    estimators=("fishers",),
):
    """Tables with the real schema and random values: one cell per resolution, activations for the head mlp."""
    rng = np.random.default_rng(7)
    variants, dimension, probe = [], [], []
    for family, levels in (families or FOUR).items():
        for level, seed in itertools.product(range(levels), seeds):
            axes = _axes(family, level, seed)
            variants.append({**axes, "family": family, "counted": True})
            dimension += [_embedding(axes, estimator, rng) for estimator in estimators]
            for task, split in itertools.product(tasks, splits):
                for head in ("ridge", "mlp"):
                    probe += _scores(axes, {"task": task, "split": split, "head": head}, rng)
                dimension.append(_activation(axes, {"task": task, "split": split, "head": "mlp"}, rng))
    return pd.DataFrame(variants), pd.DataFrame(dimension), pd.DataFrame(probe)


def _axes(family, level, seed):
    return {
        "variant": f"{family}_l{level}_s{seed}",
        "model": family,
        "resolution": f"l{level}",
        "modality": "rgb",
        "objective": "",
        "schedule": "short",
        "weights": "trained",
        "seed": seed,
    }


def _embedding(axes, estimator, rng):
    sample = {"points": "land-r0", "n": 1000, "replicate": 0, "space": "embedding"}
    measure = {"estimator": estimator, "k": 20 if estimator == "mle" else None, "aggregation": ""}
    value = 2 + rng.random()
    return {**axes, **sample, "task": "", "split": "", "head": "", **measure, "value": value}


def _activation(axes, target, rng):
    sample = {"points": "task-r0", "n": 500, "replicate": 0, "space": "activation"}
    measure = {"estimator": "twonn", "k": None, "aggregation": ""}
    return {**axes, **sample, **target, **measure, "value": 3 + rng.random()}


def _scores(axes, target, rng):
    score = {**axes, "points": "task-r0", **target, "leaked": "no", "task_set": "claims"}
    primary = {**score, "metric": "r2", "primary": True, "value": rng.random()}
    return [primary, {**score, "metric": "rmse", "primary": False, "value": 9.0}]


def pick(table, **wanted):
    """The only row of a table with these values."""
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


FIRST = {"space": "embedding", "task": "climate", "split": "blocks", "head": "ridge"}


def first_panel(tables):
    """Dimension, performance and families of the panel `FIRST`, read directly from tables with one seed."""
    variants, dimension, probe = tables
    x = dimension[dimension["space"] == "embedding"].set_index("variant")["value"]
    chosen = probe[probe["primary"] & (probe[list(FIRST)[1:]] == list(FIRST.values())[1:]).all(axis=1)]
    y = chosen.set_index("variant")["value"]
    table = variants.set_index("variant")
    return x[table.index].to_numpy(), y[table.index].to_numpy(), table["family"].to_numpy(dtype=str)
