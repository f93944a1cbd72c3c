"""Tables of the true schema for the tests of cells and correlations."""

import numpy as np
import pandas as pd

SETTINGS = {
    "cell": ["family", "model", "resolution", "modality", "schedule"],
    "coefficients": ["spearman", "kendall", "pearson"],
    "draws": 199,
    "seed": 0,
    "confidence": 0.95,
    "min_families": 4,
    "min_cells": 4,
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
    """Tables of the true schema with random values: one cell a resolution, activations for the head mlp."""
    rng = np.random.default_rng(7)
    variants, dimension, probe = [], [], []
    for family, levels in (families or FOUR).items():
        for level in range(levels):
            for seed in seeds:
                axes = {
                    "variant": f"{family}_l{level}_s{seed}",
                    "model": family,
                    "resolution": f"l{level}",
                    "modality": "rgb",
                    "schedule": "short",
                    "weights": "trained",
                    "seed": seed,
                }
                variants.append({**axes, "family": family, "counted": True})
                measured = {**axes, "points": "land-r0", "n": 1000, "replicate": 0, "space": "embedding"}
                for estimator in estimators:
                    dimension.append(
                        {
                            **measured,
                            **dict.fromkeys(["task", "split", "head"], ""),
                            "estimator": estimator,
                            "k": 20 if estimator == "mle" else None,
                            "aggregation": "",
                            "value": 2 + rng.random(),
                        }
                    )
                for task in tasks:
                    for split in splits:
                        for head in ("ridge", "mlp"):
                            target = {"task": task, "split": split, "head": head}
                            score = {**axes, "points": "task-r0", **target, "leaked": "no"}
                            probe.append({**score, "metric": "r2", "primary": True, "value": rng.random()})
                            probe.append({**score, "metric": "rmse", "primary": False, "value": 9.0})
                        activation = {
                            **axes,
                            "points": "task-r0",
                            "n": 500,
                            "replicate": 0,
                            "space": "activation",
                            **target,
                        }
                        dimension.append(
                            {
                                **activation,
                                "estimator": "twonn",
                                "k": None,
                                "aggregation": "",
                                "value": 3 + rng.random(),
                            }
                        )
    return pd.DataFrame(variants), pd.DataFrame(dimension), pd.DataFrame(probe)


def pick(table, **wanted):
    """The one row of a table that has these values."""
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


FIRST = {"space": "embedding", "task": "climate", "split": "blocks", "head": "ridge"}


def first_panel(tables):
    """Dimension, performance and families of the panel `FIRST`, straight from the tables, one seed."""
    variants, dimension, probe = tables
    x = dimension[dimension["space"] == "embedding"].set_index("variant")["value"]
    chosen = probe[probe["primary"] & (probe[list(FIRST)[1:]] == list(FIRST.values())[1:]).all(axis=1)]
    y = chosen.set_index("variant")["value"]
    table = variants.set_index("variant")
    return x[table.index].to_numpy(), y[table.index].to_numpy(), table["family"].to_numpy(dtype=str)
