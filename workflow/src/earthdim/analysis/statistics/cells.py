"""Cells, the unit of every correlation: variants that differ only in their seed, averaged."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from earthdim.analysis.statistics.coefficients import is_constant
from earthdim.analysis.statistics.families import members
from earthdim.omissions import measured
from earthdim.storage import schema

MEASURE, TARGET, KEYS = list(schema.MEASURED_AT), list(schema.TARGET), list(schema.PANEL)
# A coefficient of two cells is always 1 or -1; that of three is reported but not tested.
CELLS_FOR_VALUE = 3


@dataclass(frozen=True)
class Panel:
    """The cells of one estimator, task, split and head.

    Attributes
    ----------
    key : dict
        Values of the columns of `KEYS`.
    dimension, performance : ndarray, shape (n,)
    families : ndarray of str, shape (n,)
    left_out : int
        Number of cells excluded because of leakage or of a failed control, not among the n.
    """

    key: dict[str, Any]
    dimension: np.ndarray
    performance: np.ndarray
    families: np.ndarray
    left_out: int

    def defect(self) -> str:
        """Reason why no coefficient is defined, or ""."""
        if len(self.dimension) < CELLS_FOR_VALUE:
            return f"fewer than {CELLS_FOR_VALUE} cells"
        if is_constant(self.dimension):
            return "constant dimension"
        return "constant performance" if is_constant(self.performance) else ""

    def take(self, rows: np.ndarray) -> "Panel":
        """Panel of the given cells, in order."""
        return Panel(
            self.key, self.dimension[rows], self.performance[rows], self.families[rows], self.left_out
        )

    def usable_families(self) -> tuple["Panel", list[str]]:
        """Panel of the families with a defined coefficient, and a note for each of the others."""
        defects = {name: self.take(rows).defect() for name, rows in members(self.families).items()}
        keep = np.array([not defects[name] for name in self.families], dtype=bool)
        notes = [f"{name} not used: {why}" for name, why in defects.items() if why]
        return self.take(np.flatnonzero(keep)), notes


def cells(
    variants: pd.DataFrame,
    dimension: pd.DataFrame,
    probe: pd.DataFrame,
    cell: Sequence[str],
    failed: Collection[tuple[str, ...]] = (),
) -> pd.DataFrame:
    """Pair dimension and performance by variant, then average over the seeds of each cell.

    Rows without a value whose note states the reason are ignored, and so are tasks that are not of the set claims.
    Performance is the primary metric of the task. An ID
    of the space "embedding" is paired with every task, split and head of its variant, averaged over replicates of the
    task points; an ID of the space "activation" only with the head it was measured in.

    Parameters
    ----------
    variants, dimension, probe : DataFrame
        The tables of these names.
    cell : sequence of str
        Columns of the variants table that define a cell, including `family`.
    failed : collection of tuple
        Cells that failed a control, as values of these columns.

    Returns
    -------
    DataFrame
        One row per panel and cell, sorted by all keys: the columns of `KEYS` and `cell`, `dimension`, `performance`,
        `leaked`, `failed` (bool) and `seeds` (number of variants).

    Raises
    ------
    ValueError
        If a table lacks a column, names an unknown variant, has duplicate rows or a value that is not finite.
    """
    if "counted" not in variants.columns:
        raise ValueError("variants: the table lacks the column counted")
    variants = text(variants, ["variant", *cell], "variants")
    dimension = text(
        dimension, ["variant", "aggregation", "estimator", "points", "space", *TARGET], "dimension"
    )
    probe = text(probe, ["variant", "points", *TARGET, "metric", "leaked", "task_set"], "probe")
    if "value" in dimension:
        dimension = measured(dimension)
    _check(variants, dimension, [*MEASURE, *TARGET], "dimension")
    _check(variants, probe, ["points", *TARGET, "metric"], "probe")
    if probe["primary"].dtype != bool and len(probe):
        raise ValueError("probe.primary: values must be True or False")
    counted = variants.loc[variants["counted"].astype(bool), ["variant", *cell]]
    claimed = probe[probe["primary"].astype(bool) & (probe["task_set"] == "claims")]
    paired = _pair(dimension, claimed).merge(counted, on="variant")
    table = (
        paired.groupby([*KEYS, *cell], dropna=False)
        .agg(
            dimension=("dimension", "mean"),
            performance=("performance", "mean"),
            leaked=("leaked", "any"),
            seeds=("variant", "size"),
        )
        .reset_index()
    )
    of = zip(*(table[column] for column in cell), strict=True)
    return table.assign(failed=np.array([key in failed for key in of], dtype=bool))


def text(table: pd.DataFrame, columns: Sequence[str], name: str) -> pd.DataFrame:
    """Copy with the given columns as text, so that empty fields are "" regardless of how they were stored.

    Raises
    ------
    ValueError
        Naming the table, if it lacks a column.
    """
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(f"{name}: the table lacks the column {missing[0]}")
    return table.assign(
        **{
            column: table[column].astype(object).where(table[column].notna(), "").astype(str)
            for column in columns
        }
    )


def _check(variants: pd.DataFrame, table: pd.DataFrame, keys: Sequence[str], name: str) -> None:
    missing = [column for column in [*keys, "value"] if column not in table.columns]
    if missing:
        raise ValueError(f"{name}: the table lacks the column {missing[0]}")
    unknown = sorted(set(table["variant"]) - set(variants["variant"]))
    if unknown:
        raise ValueError(f"{name}: {unknown[0]} is not in the variants table")
    if table.duplicated(["variant", *keys]).any():
        raise ValueError(f"{name}: duplicate rows for one measurement ({', '.join(['variant', *keys])})")
    if not np.isfinite(table["value"].to_numpy(dtype=float)).all():
        raise ValueError(f"{name}: contains a value that is not finite")


def _pair(dimension: pd.DataFrame, probe: pd.DataFrame) -> pd.DataFrame:
    """One row per variant and panel, with `dimension`, `performance` and `leaked`."""
    target = [*TARGET, "metric"]
    found = dimension[["variant", *MEASURE, *TARGET, "value"]].rename(columns={"value": "dimension"})
    scored = probe[["variant", "points", *target, "value"]].rename(columns={"value": "performance"})
    scored = scored.assign(leaked=probe["leaked"] == "yes")
    averaged = (
        scored.groupby(["variant", *target])
        .agg(performance=("performance", "mean"), leaked=("leaked", "any"))
        .reset_index()
    )
    in_activations = found["space"] == "activation"
    embedding = found[~in_activations].drop(columns=TARGET).merge(averaged, on="variant")
    activation = found[in_activations].merge(scored, on=["variant", "points", *TARGET])
    return pd.concat([embedding, activation[embedding.columns]], ignore_index=True)


def panels(table: pd.DataFrame) -> Iterator[Panel]:
    """Panels of the table of cells, in the order of `KEYS`."""
    for key, group in table.groupby(KEYS, dropna=False):
        kept = group[~group["leaked"] & ~group["failed"]]
        yield Panel(
            dict(zip(KEYS, key, strict=True)),
            kept["dimension"].to_numpy(dtype=float),
            kept["performance"].to_numpy(dtype=float),
            kept["family"].to_numpy(dtype=str),
            len(group) - len(kept),
        )
