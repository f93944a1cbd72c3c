"""From the tables to what a figure shows: cells, that is variants with their seeds averaged."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from earthdim.omissions import OmittedError
from earthdim.omissions import measured as with_value
from earthdim.storage.schema import AXES, FROZEN, TARGET

_TEXT = [*(axis for axis in AXES if axis != "seed"), "points", *TARGET]


def describe(rows: pd.DataFrame, variants: pd.DataFrame) -> pd.DataFrame:
    """Add each variant's family, wavelength and, where it came as it is, encoder to the rows of a table.

    Parameters
    ----------
    rows : DataFrame
        Rows of dimension.csv or probe.csv.
    variants : DataFrame
        variants.csv.

    Returns
    -------
    DataFrame
        The rows with the columns family, shortest_wavelength_km and encoder: the variant itself where its encoder came
        as it is, since the axes alone do not tell two encoders of one model apart, else "". Axes that a variant does
        not have are "".

    Raises
    ------
    ValueError
        If a row names a variant that the variants table lacks.
    """
    unknown = sorted(set(rows["variant"]) - set(variants["variant"]))
    if unknown:
        raise ValueError(f"variant: {', '.join(unknown)} not in the variants table")
    added = ["family", "shortest_wavelength_km"]
    described = rows.drop(columns=[name for name in added if name in rows]).merge(
        variants[["variant", *added]], on="variant", how="left", validate="many_to_one"
    )
    text = [name for name in _TEXT if name in described]
    described[text] = described[text].astype(object).where(described[text].notna(), "").astype(str)
    described["shortest_wavelength_km"] = pd.to_numeric(described["shortest_wavelength_km"])
    return described.assign(encoder=described["variant"].where(described["weights"].isin(FROZEN), ""))


def embedding_rows(
    dimension: pd.DataFrame, variants: pd.DataFrame, points: str | Sequence[str] | None
) -> pd.DataFrame:
    """Rows of the dimension of embeddings at one sample of points.

    Parameters
    ----------
    dimension, variants : DataFrame
        dimension.csv and variants.csv.
    points : str, sequence of str or None
        The point set, or the replicates of one sample, whose rows are averaged like seeds. None stands for
        the point set that most variants share (a table of embeddings brings its own), of these the one of the greatest
        n (the first named, if several have it).

    Raises
    ------
    ValueError
        If no row is left.
    """
    rows = with_value(dimension[dimension["space"] == "embedding"])
    if points is None and len(rows):
        shared = rows["points"].map(rows.groupby("points")["variant"].nunique())
        most = rows[shared == shared.max()]
        points = str(most["points"].iloc[int(np.argmax(most["n"].to_numpy()))])
    names = [points] if isinstance(points, str) else list(points or [])
    rows = rows[rows["points"].isin(names)]
    if rows.empty:
        raise OmittedError(f"points: no dimension of an embedding at {', '.join(names) or 'any point set'}")
    return describe(rows, variants)


def measures(rows: pd.DataFrame) -> list[tuple[str, float, pd.DataFrame]]:
    """Split rows by estimator and k (NaN for an estimator without one), in their order of appearance."""
    k = pd.to_numeric(rows["k"])
    pairs = pd.DataFrame({"estimator": rows["estimator"], "k": k}).drop_duplicates()
    found = []
    for estimator, number in pairs.itertuples(index=False):
        same = (rows["estimator"] == estimator) & (k.isna() if np.isnan(number) else k == number)
        found.append((str(estimator), float(number), rows[same]))
    return found


def one_measure(rows: pd.DataFrame, estimator: str, k: float | None) -> tuple[float, pd.DataFrame]:
    """Rows of one estimator at one k.

    Parameters
    ----------
    rows : DataFrame
        With the columns estimator and k.
    estimator : str
        Its name.
    k : float or None
        Its number of neighbours; None if the table holds a single one.

    Returns
    -------
    k : float
        NaN for an estimator without neighbours.
    rows : DataFrame

    Raises
    ------
    ValueError
        If there are no such rows, or several k and none chosen.
    """
    found = [item for item in measures(rows[rows["estimator"] == estimator]) if k is None or item[1] == k]
    if len(found) != 1:
        held = ", ".join(f"{name} k = {number:g}" for name, number, _ in measures(rows))
        # Which estimators there are was held against the experiment: one that has no row here has no value here.
        kind = ValueError if found else OmittedError
        raise kind(f"estimator, k: {estimator}, {k} must name one of: {held}")
    return found[0][1:]


def drawn_apart(cell: Sequence[str]) -> list[str]:
    """What tells drawn cells apart.

    Parameters
    ----------
    cell : sequence of str
        The columns that make a cell of the correlation (config/statistics).

    Returns
    -------
    list of str
        These, and what keeps untrained twins, and encoders that came as they were, from the trained cells; see
        `describe` for the encoder.
    """
    return [*cell, *(name for name in ("weights", "encoder") if name not in cell)]


def average(rows: pd.DataFrame, by: Sequence[str], columns: Sequence[str] = ("value",)) -> pd.DataFrame:
    """Average seeds (and replicates of a sample) and keep their range.

    Parameters
    ----------
    rows : DataFrame
        Rows of a table, described.
    by : sequence of str
        What tells cells apart.
    columns : sequence of str
        Columns to average. Of the first, the least and greatest are kept.

    Returns
    -------
    DataFrame
        One row a cell: the columns `by`, each averaged column, least, greatest, shortest_wavelength_km, and those of
        the family and the axes of `AXES` but the seed that are not in `by`: what all rows of the cell have, else "".
    """
    named = {name: (name, "mean") for name in columns} | {
        "least": (columns[0], "min"),
        "greatest": (columns[0], "max"),
        "shortest_wavelength_km": ("shortest_wavelength_km", "mean"),
    }
    beside = [name for name in ("family", *AXES) if name in rows and name not in (*by, "seed")]
    named |= {name: (name, _in_common) for name in beside}
    return rows.groupby(list(by), sort=False, dropna=False).agg(**named).reset_index()


def _in_common(values: pd.Series) -> str:
    """What all rows of a cell have, or nothing."""
    return values.iloc[0] if values.nunique(dropna=False) == 1 else ""


def scores(
    probe: pd.DataFrame, variants: pd.DataFrame, split: str, heads: Sequence[str], cell: Sequence[str]
) -> pd.DataFrame:
    """Performance of each cell at each task by its primary metric.

    Parameters
    ----------
    probe, variants : DataFrame
        probe.csv and variants.csv.
    split : str
        Split rule.
    heads : sequence of str
        Heads, of which each task has exactly one.
    cell : sequence of str
        What makes a cell.

    Returns
    -------
    DataFrame
        Cells with task, metric, leaked, and value, low and high averaged over seeds.

    Raises
    ------
    ValueError
        If there is nothing at this split and these heads, or a task has several of them.
    """
    chosen = probe[is_yes(probe["primary"]) & (probe["split"] == split) & probe["head"].isin(heads)]
    if chosen.empty:
        raise OmittedError(f"split, heads: no primary performance at {split} of {', '.join(heads)}")
    double = chosen.groupby("task")["head"].nunique()
    if (double > 1).any():
        raise ValueError(f"heads: {', '.join(double.index[double > 1])} has several of {', '.join(heads)}")
    by = [*drawn_apart(cell), "task", "metric", "leaked"]
    return average(describe(chosen, variants), by, ("value", "low", "high"))


def only(averaged: pd.DataFrame, by: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """The named columns alone, to be joined to others of the same cells."""
    return averaged[[*by, *columns]]


def order(cells: pd.DataFrame) -> pd.DataFrame:
    """Sort cells by family, model and resolution (long waves first), keeping the order of modalities."""
    coarse_first = cells.assign(_minus=-cells["shortest_wavelength_km"])
    keys = ["family", "model", "_minus", "resolution"]
    return coarse_first.sort_values(keys, kind="stable", na_position="first").drop(columns="_minus")


def sweep(cells: pd.DataFrame) -> list[pd.DataFrame]:
    """Pick trained cells that differ in resolution alone: each model's best-swept modality and schedule.

    Returns
    -------
    list of DataFrame
        One a model, from coarse to fine. A resolution whose wavelength is undefined has no place on the axis
        and is left out.
    """
    usable = cells[(cells["weights"] == "trained") & cells["shortest_wavelength_km"].notna()]
    sweeps = []
    for _, model in usable.groupby(["family", "model"], sort=True):
        alike = [rows for _, rows in model.groupby(["modality", "schedule"], sort=False)]
        sweeps.append(order(max(alike, key=lambda rows: rows["resolution"].nunique())))
    return sweeps


def is_yes(flags: pd.Series) -> pd.Series:
    """Read a column of yes or no, however it was written."""
    return flags.astype(str).str.lower().isin(("true", "yes", "1"))
