"""Cells, the unit of every correlation: variants that differ in their seed alone, averaged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from earthdim.analysis.statistics.coefficients import is_constant
from earthdim.analysis.statistics.families import members
from earthdim.omissions import measured
from earthdim.storage import schema

MEASURE, TARGET, KEYS = list(schema.MEASURED_AT), list(schema.TARGET), list(schema.PANEL)
# A coefficient of two cells is always one; that of three is shown but not tested.
CELLS_FOR_VALUE = 3


@dataclass(frozen=True)
class Panel:
    """The cells of one estimator and one task, split and head.

    Attributes
    ----------
    key : dict
        The columns of `KEYS`.
    dimension, performance : ndarray, shape (n,)
    families : ndarray of str, shape (n,)
    left_out : int
        Leaking cells, not among the n.
    """

    key: dict[str, Any]
    dimension: np.ndarray
    performance: np.ndarray
    families: np.ndarray
    left_out: int

    def defect(self) -> str:
        """Why no coefficient is defined, or nothing."""
        if len(self.dimension) < CELLS_FOR_VALUE:
            return f"fewer than {CELLS_FOR_VALUE} cells"
        if is_constant(self.dimension):
            return "constant dimension"
        return "constant performance" if is_constant(self.performance) else ""

    def take(self, rows: np.ndarray) -> "Panel":
        """Panel of some of the cells, in their order."""
        return Panel(
            self.key, self.dimension[rows], self.performance[rows], self.families[rows], self.left_out
        )

    def usable_families(self) -> tuple["Panel", list[str]]:
        """Panel of the families that have a coefficient of their own, and what is said of the others."""
        defects = {name: self.take(rows).defect() for name, rows in members(self.families).items()}
        keep = np.array([not defects[name] for name in self.families], dtype=bool)
        said = [f"{name} not used: {why}" for name, why in defects.items() if why]
        return self.take(np.flatnonzero(keep)), said


def cells(
    variants: pd.DataFrame, dimension: pd.DataFrame, probe: pd.DataFrame, cell: Sequence[str]
) -> pd.DataFrame:
    """Pair dimension and performance variant by variant, then average the seeds of each cell.

    What has no value and says why in its note is passed over. Performance is the task's primary metric. ID in the space
    "embedding" meets every task, split and head of its variant, averaged over the draws of task points if there are
    several; "activation" meets the head it was measured in.

    Parameters
    ----------
    variants, dimension, probe : DataFrame
        The tables of these names.
    cell : sequence of str
        Columns of the variants table that tell one cell from another, `family` among them.

    Returns
    -------
    DataFrame
        One row a cell of each panel, sorted by all its keys: the columns of `KEYS`, of `cell`, `dimension`,
        `performance`, `leaked` (bool) and `seeds`.

    Raises
    ------
    ValueError
        If a table lacks a column, names an unknown variant, repeats a row or holds a value that is not
        finite.
    """
    if "counted" not in variants.columns:
        raise ValueError("variants: the table lacks the column counted")
    variants = _text(variants, ["variant", *cell], "variants")
    dimension = _text(
        dimension, ["variant", "aggregation", "estimator", "points", "space", *TARGET], "dimension"
    )
    probe = _text(probe, ["variant", "points", *TARGET, "metric", "leaked"], "probe")
    if "value" in dimension:
        dimension = measured(dimension)
    _check(variants, dimension, [*MEASURE, *TARGET], "dimension")
    _check(variants, probe, ["points", *TARGET, "metric"], "probe")
    if probe["primary"].dtype != bool and len(probe):
        raise ValueError("probe.primary: holds something else than True and False")
    counted = variants.loc[variants["counted"].astype(bool), ["variant", *cell]]
    paired = _pair(dimension, probe[probe["primary"].astype(bool)]).merge(counted, on="variant")
    return (
        paired.groupby([*KEYS, *cell], dropna=False)
        .agg(
            dimension=("dimension", "mean"),
            performance=("performance", "mean"),
            leaked=("leaked", "any"),
            seeds=("variant", "size"),
        )
        .reset_index()
    )


def _text(table: pd.DataFrame, columns: Sequence[str], name: str) -> pd.DataFrame:
    """Copy whose named columns are text, so that an empty cell reads alike however it was stored."""
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
    strangers = sorted(set(table["variant"]) - set(variants["variant"]))
    if strangers:
        raise ValueError(f"{name}: {strangers[0]} is not in the table of variants")
    if table.duplicated(["variant", *keys]).any():
        raise ValueError(f"{name}: two rows stand for one measurement ({', '.join(['variant', *keys])})")
    if not np.isfinite(table["value"].to_numpy(dtype=float)).all():
        raise ValueError(f"{name}: holds a value that is not finite")


def _pair(dimension: pd.DataFrame, probe: pd.DataFrame) -> pd.DataFrame:
    """One row a variant and panel, with `dimension`, `performance` and `leaked`."""
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
        kept = group[~group["leaked"]]
        yield Panel(
            dict(zip(KEYS, key, strict=True)),
            kept["dimension"].to_numpy(dtype=float),
            kept["performance"].to_numpy(dtype=float),
            kept["family"].to_numpy(dtype=str),
            len(group) - len(kept),
        )
