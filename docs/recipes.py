"""The choice of recipes by the rule in config/experiment/recipes.yaml, and the page that shows it.

envs/run python docs/recipes.py --check                     fail if the page differs from its table
envs/run python docs/recipes.py --write                     write the page from docs/results/recipes.csv
envs/run python docs/recipes.py --results results --write   first extract the table of a run of `recipes`
"""

import sys
from pathlib import Path

import extracts
import pandas as pd

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "results" / "recipes.csv"
PAGE = ROOT / "docs" / "recipes.md"
TOLERANCE = 0.005
"""Difference of scores within which the loss on held-out regions decides, as the rule says."""


def scores(probe: pd.DataFrame) -> pd.DataFrame:
    """Mean primary score of every variant over the selection tasks, by split and kind of heads.

    Parameters
    ----------
    probe : DataFrame
        probe.csv of the experiment.

    Returns
    -------
    DataFrame
        Index variant; columns such as random_linear and blocks_mlp.
    """
    found = extracts.scores(probe)
    if found.isna().any(axis=None):
        raise ValueError("probe: some variants lack a score in some selection task; compare only whole sets")
    return found


def candidates(variants: pd.DataFrame, probe: pd.DataFrame) -> pd.DataFrame:
    """One row per trained variant: its scores, those of its twin and raw encoding, its losses and its best step."""
    found = scores(probe)
    trained = variants[variants["weights"] == "trained"].set_index("variant")
    kept = [
        "family",
        "model",
        "objective",
        "resolution",
        "region_loss",
        "region_top1",
        "val_loss",
        "best_step",
    ]
    table = trained[[*kept, "logit_scale"]].join(found)
    # A learning rate changes neither the initial weights nor the encoding: slow candidates share those of fast ones.
    model = trained["model"].str.replace("-slow$", "-fast", regex=True)
    for name, kind in (("twin", "untrained"), ("raw", "raw")):
        rows = variants[variants["weights"] == kind].set_index(["model", "resolution"])["variant"]
        wanted = pd.MultiIndex.from_arrays([model, trained["resolution"]])
        other = found.reindex(rows.reindex(wanted)).set_axis(trained.index).add_prefix(f"{name}_")
        if other.isna().any(axis=None):
            raise ValueError(
                f"variants: {other[other.isna().any(axis=1)].index[0]} has no {kind} counterpart"
            )
        table = table.join(other)
    table["score"] = table[["random_linear", "random_mlp"]].mean(axis=1)
    return table.reset_index()


def choose(table: pd.DataFrame) -> pd.DataFrame:
    """Mark the chosen recipe of each family and objective.

    Parameters
    ----------
    table : DataFrame
        `candidates`.

    Returns
    -------
    DataFrame
        One row per family, objective and model: the mean score and region loss over resolutions, and `chosen`.
    """
    keys = ["family", "objective", "model"]
    levels = table.groupby(keys)["resolution"].agg(lambda values: tuple(sorted(values)))
    if levels.groupby("family").nunique().max() > 1 or table[["score", "region_loss"]].isna().any(axis=None):
        raise ValueError(
            "variants: the candidates of a family differ in their levels, or lack a score or region loss"
        )
    means = table.groupby(keys, sort=False)[["score", "region_loss"]].mean().reset_index()
    groups = means.groupby(["family", "objective"], sort=False)
    # The scores are rounded, so some lie at the tolerance itself, which binary fractions do not hold exactly.
    close = means[means["score"] >= groups["score"].transform("max") - TOLERANCE - 1e-9]
    rows = close.groupby(["family", "objective"], sort=False)["region_loss"].idxmin()
    return means.assign(chosen=means.index.isin(rows))


def extract(results: Path) -> pd.DataFrame:
    """The table of candidates of a finished run, with the commit and the processor that made it."""
    tables = extracts.read(results, "recipes", "variants", "probe")
    return candidates(*tables).round(4).assign(**extracts.origin(results, "recipes"))


def render(table: pd.DataFrame) -> str:
    """The page of a table of candidates."""
    rule = (
        (ROOT / "config" / "experiment" / "recipes.yaml").read_text(encoding="utf-8").partition("title:")[0]
    )
    lines = [line.removeprefix("#").removeprefix(" ") for line in rule.splitlines()]
    beats = [
        (table[f"random_{kind}"] > table[[f"{other}_random_{kind}" for other in ("twin", "raw")]].max(axis=1))
        for kind in ("linear", "mlp")
    ]
    rows = table.assign(linear_passes=beats[0], mlp_passes=beats[1]).merge(
        choose(table)[["family", "objective", "model", "chosen"]], on=["family", "objective", "model"]
    )
    return extracts.template("recipes.md.j2").render(
        rule="\n".join(lines),
        rows=rows.to_dict("records"),
        choices=choose(table).to_dict("records"),
        made=table.iloc[0],
    )


def main(arguments: list[str] | None = None) -> int:
    """Extract, write or compare; see the module's text."""
    chosen = extracts.arguments(__doc__, "recipes", arguments)
    if chosen.results is not None:
        extract(chosen.results).to_csv(TABLE, index=False)
    return extracts.finish(PAGE, render(pd.read_csv(TABLE)), chosen.write)


if __name__ == "__main__":
    sys.exit(main())
