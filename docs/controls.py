"""The page of the experiment `controls`: what passes the gate, and what the controls say about training.

envs/run python docs/controls.py --check                     fail if the page differs from its tables
envs/run python docs/controls.py --write                     write the page from docs/results/controls*.csv
envs/run python docs/controls.py --results results --write   first extract tables and figure of a run of `controls`

Until a run was extracted there is neither table nor page, and nothing to compare.
"""

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import extracts
import numpy as np
import pandas as pd
from scipy.stats import spearmanr, t

from earthdim.analysis.controls import COORDINATES, LEVEL

ROOT = Path(__file__).parents[1]
TABLES = {name: ROOT / "docs" / "results" / f"{name}.csv" for name in ("controls", "controls_variants")}
"""The gate, one row per cell and control; and the variants, one row each."""
PAGE = ROOT / "docs" / "controls.md"
IMAGE = ROOT / "docs" / "img" / "controls.png"

CELL = ["family", "modality", "objective"]
OTHERS = ("twin", "raw", "shuffled")
"""Columns that name the variants beside which a trained one is read."""
PARTS = [(split, kind) for split in ("random", "blocks") for kind in ("linear", "mlp")]
WORDS = {"linear": "linear", "mlp": "MLP", "random": "random folds", "blocks": "blocks"}
TASK, SEES, SEES_NOT = "temperature", "climate", "rgb"
"""The task that checks the training, a modality that contains it, and one that does not."""
MEASURES = {"fishers": "FisherS", "mle": "MLE, k = 20", "twonn": "TwoNN"}
LOSSES = {"region_loss": "held-out regions", "val_loss": "neighbours"}
PLAIN = "rgb"
"""Modality from which the rise of the dimension is measured."""
LEVEL_T = 0.95


def extract(results: Path) -> dict[str, pd.DataFrame]:
    """The tables of a finished run that the page needs, with the commit and the processor that made them."""
    variants, probe, dimension, gate = extracts.read(
        results, "controls", "variants", "probe", "dimension", "controls"
    )
    described = ["control", "split", "head", "tasks", *OTHERS[:2], "coordinates", OTHERS[2]]
    gate = gate[
        [*CELL, *described, "value", "margin", "seeds", "seeds_passed", "decides", "passed", "reason"]
    ]
    made = extracts.origin(results, "controls")
    return {
        "controls": gate.round(5).assign(**made),
        "controls_variants": of_variants(variants, probe, dimension).round(5).assign(**made),
    }


def of_variants(variants: pd.DataFrame, probe: pd.DataFrame, dimension: pd.DataFrame) -> pd.DataFrame:
    """One row per variant: what it is, its counterparts, its training, its scores and its dimensions.

    Parameters
    ----------
    variants, probe, dimension : DataFrame
        The tables of these names.

    Returns
    -------
    DataFrame
        Scores are means over the selection tasks (`selection_random_linear` and so on) and those of `TASK`;
        dimensions are those of the embedding, MLE with 20 neighbours, averaged over replicates.
    """
    kept = ["variant", "family", "model", "resolution", "modality", "objective", "weights", "seed", *OTHERS]
    kept += [*LOSSES, "region_top1", "best_step", "steps"]
    rows = dimension[(dimension["space"] == "embedding") & dimension["estimator"].isin(MEASURES)]
    rows = rows[(rows["estimator"] != "mle") | (rows["k"] == 20)]
    found = [
        extracts.scores(probe).add_prefix("selection_"),
        extracts.scores(probe, [TASK]).add_prefix(f"{TASK}_"),
        rows.groupby(["variant", "estimator"])["value"].mean().unstack(),
    ]
    return variants[kept].set_index("variant").join(found).reset_index()


def trained(variants: pd.DataFrame) -> pd.DataFrame:
    """The trained variants, with the columns of each counterpart after its name, such as twin_fishers."""
    rows = variants[variants["weights"] == "trained"].reset_index(drop=True)
    values = variants.set_index("variant").select_dtypes("number").drop(columns="seed")
    beside = [values.reindex(rows[name]).set_axis(rows.index).add_prefix(f"{name}_") for name in OTHERS]
    bare = variants.loc[variants["model"] == COORDINATES, "variant"].head(1).to_list() * len(rows)
    bare = values.reindex(bare or [None] * len(rows)).set_axis(rows.index).add_prefix("coordinates_")
    table = pd.concat([rows, *beside, bare], axis=1)
    differences = {f"minus_shuffled_{name}": table[name] - table[f"shuffled_{name}"] for name in MEASURES}
    return table.assign(**differences)


def span(values: Sequence[float], digits: int = 3) -> str:
    """Mean of the values over seeds, and their range if there are several that differ."""
    known = np.asarray(values, float)
    known = known[~np.isnan(known)]
    if not len(known):
        return "n/a"
    mean, low, high = (number(value, digits) for value in (known.mean(), known.min(), known.max()))
    return mean if low == high else f"{mean} ({low} to {high})"


def number(value: float, digits: int = 3, sign: bool = False) -> str:
    """A number with a true minus, or n/a."""
    if pd.isna(value):
        return "n/a"
    text = f"{value:{'+' if sign else ''},.{digits}f}"
    # No sign before a zero.
    return text.replace("-", "−") if float(text.replace(",", "")) else f"{0:.{digits}f}"


def where(rows: pd.DataFrame, **values: str) -> pd.DataFrame:
    """The rows that have these values in these columns."""
    return rows[np.logical_and.reduce([rows[name] == value for name, value in values.items()])]


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean over seeds and the ends of Student's interval at 95 %; ends are NaN with fewer than two seeds."""
    known = np.asarray(values, float)
    known = known[~np.isnan(known)]
    if len(known) < 2:
        return (float(known.mean()) if len(known) else np.nan), np.nan, np.nan
    half = t.ppf(0.5 + LEVEL_T / 2, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known))
    return float(known.mean()), float(known.mean() - half), float(known.mean() + half)


def gate_cells(gate: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Each cell: its row of every control that decides, those that fail, and its state in words."""
    for key, rows in gate[gate["decides"] == "yes"].groupby(CELL, sort=False):
        named = {
            ", ".join(filter(None, (row["control"], row["head"]))): row
            for row in rows.fillna({"head": ""}).to_dict("records")
        }
        fails = [name for name, row in named.items() if row["passed"] == "no"]
        tested = any(row["passed"] != "not available" for row in named.values())
        state = "fails" if fails else "passes" if tested else "untested"
        yield {**dict(zip(CELL, key, strict=True)), "controls": named, "fails": fails, "state": state}


def selections(gate: pd.DataFrame) -> pd.DataFrame:
    """One row per cell: for each split, whether all seeds are above twin and raw encoding with each kind of heads.

    A cell is admitted if they are on random folds with all kinds of heads; NaN if a comparison is missing.
    """
    rows = gate[gate["control"] == "selection"]
    whole = rows[["twin", "raw"]].notna().all(axis=1) & rows["passed"].isin(["yes", "no"])
    whole &= rows["seeds"] == rows["seeds"].max()
    rows = rows.assign(passes=(rows["passed"] == "yes").astype(float).where(whole))
    table = rows.pivot_table(
        index=CELL, columns=["split", "head"], values="passes", sort=False, dropna=False
    ).dropna(how="all", axis=1)
    # The pivot adds combinations that the experiment does not have.
    table = table[table.index.isin(pd.MultiIndex.from_frame(rows[CELL]))]
    found = pd.DataFrame(index=table.index)
    for split in ("random", "blocks"):
        part = table[split]
        found[split] = part.min(axis=1).where(part.notna().all(axis=1))
        found[f"{split}_fails"] = [
            ", ".join(part.columns[(row == 0).to_numpy()]) for _, row in part.iterrows()
        ]
    return found.reset_index()


def margins(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Each cell: for every split, kind of heads and counterpart, the interval of the margin over seeds."""
    found = []
    for key, part in rows.groupby(CELL, sort=False):
        cell = dict(zip(CELL, key, strict=True))
        for split, kind in PARTS:
            column = f"selection_{split}_{kind}"
            for other in OTHERS[:2]:
                mean, low, high = interval(part[column] - part[f"{other}_{column}"])
                state = (
                    "unknown" if np.isnan(low) else "above" if low > 0 else "below" if high < 0 else "zero"
                )
                found.append({**cell, "split": split, "kind": kind, "other": other, "mean": mean, "low": low,
                              "high": high, "state": state})  # fmt: skip
    return found


def comparisons(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """How often the modality that contains `TASK` predicts it better than each other predictor."""
    keys = ["family", "objective"]
    pairs = rows[rows["modality"] == SEES].merge(
        rows[rows["modality"] == SEES_NOT], on=[*keys, "seed"], suffixes=("", "_other")
    )
    found = []
    for split, kind in PARTS:
        column = f"{TASK}_{split}_{kind}"
        for name, other in (
            (f"{SEES_NOT}-trained", f"{column}_other"), ("untrained twin", f"twin_{column}"),
            ("bare coordinates", f"coordinates_{column}"),
        ):  # fmt: skip
            known = pairs.dropna(subset=[column, other])
            ahead = known[column] - known[other]
            means = ahead.groupby([known[key] for key in keys]).mean()
            found.append({"split": split, "kind": kind, "than": name, "seeds": len(known), "cells": len(means),
                          "seeds_above": int((ahead > 0).sum()), "cells_above": int((means > 0).sum())})  # fmt: skip
    return found


def rises(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Change of the dimension from `PLAIN` to each other modality, with and without that of shuffled pairs.

    Only seeds with a shuffled variant enter: trained and shuffled ones then share locations, filters and frequencies.
    """
    found = []
    for measure, (objective, part) in (
        (measure, group) for measure in MEASURES for group in rows.groupby("objective", sort=False)
    ):
        known = part.dropna(subset=[measure, f"shuffled_{measure}"])
        means = known.groupby(["family", "modality"])[[measure, f"shuffled_{measure}"]].mean().unstack()
        if not len(known):
            continue
        for modality in known["modality"].unique():
            if modality == PLAIN or PLAIN not in set(known["modality"]):
                continue
            whole, shuffled = (
                (means[name][modality] - means[name][PLAIN]).dropna()
                for name in (measure, f"shuffled_{measure}")
            )
            found.append({"measure": measure, "objective": objective, "modality": modality, "trained": whole,
                          "shuffled": shuffled, "rest": whole - shuffled, "rises": bool(whole.mean() > 0),
                          "remains": bool((whole - shuffled).mean() > 0)})  # fmt: skip
    return found


def rank(x: pd.Series, y: pd.Series) -> tuple[float, int]:
    """Spearman's coefficient over the pairs that have both, and their number; NaN if a side does not vary."""
    known = pd.concat([x, y], axis=1).dropna()
    if len(known) < 3 or (known.nunique() < 2).any():
        return np.nan, len(known)
    return float(spearmanr(*known.to_numpy().T).statistic), len(known)


def rankings(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Spearman's coefficient of each loss with the blocked scores over families, by objective and modality.

    Losses of one objective and modality are on one scale. The last row takes all together, after losses and scores were
    standardised within objective and modality.
    """
    columns = [f"selection_blocks_{kind}" for kind in ("linear", "mlp")]
    keys = ["objective", "modality"]
    means = rows.groupby([*keys, "family"], sort=False)[[*LOSSES, *columns]].mean().reset_index()
    groups = [(*key, part) for key, part in means.groupby(keys, sort=False)]
    by_group = means.groupby(keys)[[*LOSSES, *columns]]
    spread = by_group.transform("std").replace(0, np.nan)
    scaled = (means[[*LOSSES, *columns]] - by_group.transform("mean")) / spread
    groups.append(("all", "standardised within each", scaled))
    return [
        {"objective": objective, "modality": modality, "all": objective == "all", "loss": loss,
         **dict(zip(("linear", "n"), rank(part[loss], part[columns[0]]), strict=True)),
         "mlp": rank(part[loss], part[columns[1]])[0]}
        for objective, modality, part in groups for loss in LOSSES
    ]  # fmt: skip


def render(gate: pd.DataFrame, variants: pd.DataFrame) -> str:
    """The page of the two tables."""
    rows = trained(variants)
    order = rows[CELL].drop_duplicates()
    levels = variants.dropna(subset="resolution").groupby("family", sort=False)["resolution"].unique()
    return extracts.template("controls.md.j2", number=number, span=span, where=where).render(
        made=variants.iloc[0],
        weights=variants["weights"].value_counts().to_dict(),
        families={family: ", ".join(levels) for family, levels in levels.items()},
        modalities=list(order["modality"].unique()),
        objectives=list(order["objective"].unique()),
        seeds=rows["seed"].nunique(),
        shuffled_seeds=variants.loc[variants["weights"] == "shuffled", "seed"].nunique(),
        bare=(variants["model"] == COORDINATES).any(),
        cells=list(gate_cells(gate)),
        selections=selections(gate).to_dict("records"),
        parts={key: part for key, part in rows.groupby(CELL, sort=False)},
        margins=margins(rows),
        comparisons=comparisons(rows),
        rises=rises(rows),
        rankings=rankings(rows),
        rows=rows,
        splits=("random", "blocks"), kinds=("linear", "mlp"), words=WORDS, measures=MEASURES, losses=LOSSES,
        task=TASK, sees=SEES, sees_not=SEES_NOT, plain=PLAIN, level=LEVEL, level_t=LEVEL_T,
    )  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Extract, write or compare; see the module's text."""
    chosen = extracts.arguments(__doc__, "controls", arguments)
    if chosen.results is not None:
        for name, table in extract(chosen.results).items():
            table.to_csv(TABLES[name], index=False)
        shutil.copyfile(chosen.results / "controls" / "figures" / "controls.png", IMAGE)
    if not PAGE.is_file() and not any(path.is_file() for path in TABLES.values()):
        return 0
    tables = [
        pd.read_csv(TABLES[name], keep_default_na=False, na_values=[""])
        for name in ("controls", "controls_variants")
    ]
    return extracts.finish(PAGE, render(*tables), chosen.write)


if __name__ == "__main__":
    sys.exit(main())
