"""Synthetic tables of variants and scores for the tests of controls and of the gate."""

import pandas as pd

from earthdim.storage.schema import AXES

CELL = ["family", "model", "resolution", "modality", "schedule"]
KINDS = {"linear": ["ridge", "logistic"], "MLP": ["mlp"]}
RETRIEVAL = {"candidates": 1024, "val_top1": 4096, "region_top1": 2048}
TASKS = {  # set, kind, leaked by rgb
    "colour": ("control", "regression", "yes"),
    "water": ("selection", "regression", "in part"),
    "zone": ("selection", "classification", "no"),
    "people": ("claims", "regression", "no"),
}
# Scores of all tasks, by kind of weights.
SCORES = {"trained": 0.8, "untrained": 0.6, "raw": 0.5, "shuffled": 0.6}


class World:
    """One family with resolutions l1 and l2, trained, untrained, raw and shuffled, and the bare coordinates.

    `scores` maps (variant, split, head, task) to a score and can be edited; a missing one has no row. `points` maps
    variants to point sets other than p.
    """

    def __init__(self, seeds=(0,)):
        self.variants, self.points = {}, {}
        for level in ("l1", "l2"):
            for seed in seeds:
                for weights in SCORES:
                    self.add(f"net_{level}_{weights}_s{seed}", "net", level, weights, seed)
                named = {"twin": "untrained", "shuffled": "shuffled", "raw": "raw"}
                self.variants[f"net_{level}_trained_s{seed}"] |= {
                    column: f"net_{level}_{weights}_s{seed}" for column, weights in named.items()
                }
        self.add("coordinates", "cartesian3d", "", "raw", seeds[0], family="coordinates")
        self.scores = {}
        for name, variant in self.variants.items():
            for task, (_, kind, _) in TASKS.items():
                for split in ("random", "blocks"):
                    for head in ("ridge" if kind == "regression" else "logistic", "mlp"):
                        self.scores[name, split, head, task] = SCORES[variant["weights"]]

    def add(self, name, model, resolution, weights, seed, family="net", **more):
        axes = dict.fromkeys(AXES, "")
        axes |= {"model": model, "resolution": resolution, "weights": weights, "seed": seed}
        axes |= {"modality": "rgb", "schedule": "short"} if weights in ("trained", "shuffled") else {}
        retrieval = {"val_top1": 0.9 if weights == "trained" else 0.001} if axes["modality"] else {}
        self.variants[name] = {
            "variant": name, "twin": "", "shuffled": "", "raw": "", "family": family,
            "counted": weights == "trained", **axes, **retrieval, **more
        }  # fmt: skip

    def score(self, value, weights, split=None, head=None, task=None, seed=None, level=None):
        """Set all scores that fit; None removes them."""
        for key in list(self.scores):
            variant = self.variants[key[0]]
            fits = variant["weights"] == weights and level in (None, variant["resolution"])
            fits &= seed in (None, variant["seed"]) and split in (None, key[1])
            if fits and head in (None, key[2]) and task in (None, key[3]):
                self.scores[key] = value
        self.scores = {key: value for key, value in self.scores.items() if value is not None}

    def remove(self, *names):
        """Remove variants and their scores."""
        for name in names:
            del self.variants[name]
        self.scores = {key: value for key, value in self.scores.items() if key[0] not in names}

    def tables(self):
        """variants.csv and probe.csv."""
        rows = []
        for (name, split, head, task), value in self.scores.items():
            trained = self.variants[name]["modality"] == "rgb"
            target = {
                "variant": name,
                "points": self.points.get(name, "p"),
                "task": task,
                "split": split,
                "head": head,
                "n": 600,
                "note": "",
            }
            marks = {"leaked": TASKS[task][2] if trained else "no", "task_set": TASKS[task][0]}
            rows.append({**target, **marks, "metric": "r2", "primary": True, "value": value})
            rows.append({**target, **marks, "metric": "mae", "primary": False, "value": -99.0})
        return pd.DataFrame(self.variants.values()), pd.DataFrame(rows)

    def retrieval(self):
        return {name: RETRIEVAL for name, row in self.variants.items() if row["weights"] == "shuffled"}
