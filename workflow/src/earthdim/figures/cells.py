"""Cells (variants averaged over their seeds) selected from the tables, as shown in the figures."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from earthdim.omissions import OmittedError
from earthdim.omissions import measured as with_value
from earthdim.storage.schema import AXES, EXTERNAL, TARGET

_TEXT = [*(axis for axis in AXES if axis != "seed"), "points", *TARGET]


def describe(rows: pd.DataFrame, variants: pd.DataFrame) -> pd.DataFrame:
    """Add the family, the shortest wavelength and the external encoder of each variant to the rows of a table.

    Parameters
    ----------
    rows : DataFrame
        Rows of dimension.csv or probe.csv.
    variants : DataFrame
        variants.csv.

    Returns
    -------
    DataFrame
        The rows with the columns family, shortest_wavelength_km and encoder. `encoder` is the name of the variant if
        its weights are external (released or user-supplied), because the axes alone do not distinguish two external
        encoders of one model; otherwise it is "". Axes that do not apply to a variant are "".

    Raises
    ------
    ValueError
        If a row names a variant that is not in the variants table.
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
    return described.assign(encoder=described["variant"].where(described["weights"].isin(EXTERNAL), ""))


def embedding_rows(
    dimension: pd.DataFrame, variants: pd.DataFrame, points: str | Sequence[str] | None
) -> pd.DataFrame:
    """Select the intrinsic dimensions of embeddings at one sample of points.

    Parameters
    ----------
    dimension, variants : DataFrame
        dimension.csv and variants.csv.
    points : str, sequence of str or None
        The point set, or the replicates of one sample, which are later averaged like seeds. None selects the point
        set shared by most variants (user-supplied embeddings have their own points); ties are resolved by the largest
        n, then by order of appearance.

    Raises
    ------
    ValueError
        If no row remains.
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
    """Split rows by estimator and k (NaN for an estimator without k), in order of appearance."""
    k = pd.to_numeric(rows["k"])
    pairs = pd.DataFrame({"estimator": rows["estimator"], "k": k}).drop_duplicates()
    found = []
    for estimator, number in pairs.itertuples(index=False):
        same = (rows["estimator"] == estimator) & (k.isna() if np.isnan(number) else k == number)
        found.append((str(estimator), float(number), rows[same]))
    return found


def one_measure(rows: pd.DataFrame, estimator: str, k: float | None) -> tuple[float, pd.DataFrame]:
    """Select the rows of one estimator at one k.

    Parameters
    ----------
    rows : DataFrame
        With the columns estimator and k.
    estimator : str
        Name of the estimator.
    k : float or None
        Number of neighbours. None selects the only k in the table.

    Returns
    -------
    k : float
        Number of neighbours; NaN for an estimator without k.
    rows : DataFrame

    Raises
    ------
    ValueError
        If there are no such rows, or if there are several k and `k` is None.
    """
    found = [item for item in measures(rows[rows["estimator"] == estimator]) if k is None or item[1] == k]
    if len(found) != 1:
        held = ", ".join(f"{name} k = {number:g}" for name, number, _ in measures(rows))
        # The estimator was validated against the experiment, so one without rows has no values in these tables.
        kind = ValueError if found else OmittedError
        raise kind(f"estimator, k: {estimator}, {k} does not select exactly one of: {held}")
    return found[0][1:]


def group_columns(cell: Sequence[str]) -> list[str]:
    """Columns by which rows are grouped into the cells of a figure.

    Parameters
    ----------
    cell : sequence of str
        Columns that define a cell of the correlation (config/statistics).

    Returns
    -------
    list of str
        These, plus the columns that separate untrained twins and external encoders from the trained cells; see
        `describe` for the column encoder.
    """
    return [*cell, *(name for name in ("weights", "encoder") if name not in cell)]


def average(rows: pd.DataFrame, by: Sequence[str], columns: Sequence[str] = ("value",)) -> pd.DataFrame:
    """Average over seeds (and replicates of a sample), keeping the range.

    Parameters
    ----------
    rows : DataFrame
        Rows of a table, as returned by `describe`.
    by : sequence of str
        Columns that identify a cell.
    columns : sequence of str
        Columns to average. The minimum and maximum of the first are kept.

    Returns
    -------
    DataFrame
        One row per cell: the columns `by`, each averaged column, least, greatest and shortest_wavelength_km. The
        family and the axes of `AXES` (except the seed) that are not in `by` hold the value common to all rows of the
        cell, or "".
    """
    named = {name: (name, "mean") for name in columns} | {
        "least": (columns[0], "min"),
        "greatest": (columns[0], "max"),
        "shortest_wavelength_km": ("shortest_wavelength_km", "mean"),
    }
    constant = [name for name in ("family", *AXES) if name in rows and name not in (*by, "seed")]
    named |= {name: (name, _in_common) for name in constant}
    return rows.groupby(list(by), sort=False, dropna=False).agg(**named).reset_index()


def _in_common(values: pd.Series) -> str:
    """The value common to all rows of a cell, or ""."""
    return values.iloc[0] if values.nunique(dropna=False) == 1 else ""


def scores(
    probe: pd.DataFrame, variants: pd.DataFrame, split: str, heads: Sequence[str], cell: Sequence[str]
) -> pd.DataFrame:
    """Performance of each cell on each task, in the primary metric.

    Parameters
    ----------
    probe, variants : DataFrame
        probe.csv and variants.csv.
    split : str
        Split rule.
    heads : sequence of str
        Heads; exactly one applies to each task.
    cell : sequence of str
        Columns that define a cell.

    Returns
    -------
    DataFrame
        Cells with task, metric, leaked, and the means over seeds of value, low and high.

    Raises
    ------
    ValueError
        If no score exists for this split and these heads, or if several of the heads apply to one task.
    """
    chosen = probe[is_yes(probe["primary"]) & (probe["split"] == split) & probe["head"].isin(heads)]
    if chosen.empty:
        raise OmittedError(f"split, heads: no primary score for split {split} and head {', '.join(heads)}")
    double = chosen.groupby("task")["head"].nunique()
    if (double > 1).any():
        raise ValueError(f"heads: {', '.join(double.index[double > 1])} has several of {', '.join(heads)}")
    by = [*group_columns(cell), "task", "metric", "leaked"]
    return average(describe(chosen, variants), by, ("value", "low", "high"))


def only(averaged: pd.DataFrame, by: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Keep only the named columns, for a join with other values of the same cells."""
    return averaged[[*by, *columns]]


def order(cells: pd.DataFrame) -> pd.DataFrame:
    """Sort cells by family, model and resolution (longest wavelength first); the order of modalities is kept."""
    coarse_first = cells.assign(_minus=-cells["shortest_wavelength_km"])
    keys = ["family", "model", "_minus", "resolution"]
    return coarse_first.sort_values(keys, kind="stable", na_position="first").drop(columns="_minus")


def sweep(cells: pd.DataFrame) -> list[pd.DataFrame]:
    """Select trained cells that differ only in resolution.

    Of the combinations of modality, objective and schedule, each model has the one with most resolutions.

    Returns
    -------
    list of DataFrame
        One per model, from coarse to fine. Resolutions without a defined wavelength are omitted, since they have no
        position on the axis.
    """
    usable = cells[(cells["weights"] == "trained") & cells["shortest_wavelength_km"].notna()]
    sweeps = []
    for _, model in usable.groupby(["family", "model"], sort=True):
        alike = [rows for _, rows in model.groupby(["modality", "objective", "schedule"], sort=False)]
        sweeps.append(order(max(alike, key=lambda rows: rows["resolution"].nunique())))
    return sweeps


def is_yes(flags: pd.Series) -> pd.Series:
    """Parse a column of booleans, stored as booleans or as text."""
    return flags.astype(str).str.lower().isin(("true", "yes", "1"))
