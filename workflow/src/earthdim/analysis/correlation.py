"""Correlation of intrinsic dimension with performance, from tables to tables.

The unit of analysis is the cell: trained variants that differ only in their seed, averaged. Cells whose modality
contains the variable of the task are excluded and counted, and so are cells that failed a control, if the settings say
so. Only tasks of the set claims count. There are two levels. *pooled* treats every cell as a point,
regardless of its family; it mixes differences between families with those inside families, is descriptive, and has no
test. *within* is the mean of the coefficients of the families on Fisher's z scale; it has the permutation test.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from earthdim.analysis.gate import failing
from earthdim.analysis.statistics.cells import CELLS_FOR_VALUE, Panel, cells, panels
from earthdim.analysis.statistics.coefficients import COEFFICIENTS, UndefinedError
from earthdim.analysis.statistics.families import (
    by_family,
    family_z,
    members,
    permutation_p,
    pooled_interval,
    rearrangements,
    within_interval,
)
from earthdim.analysis.statistics.multiplicity import benjamini_yekutieli, holm
from earthdim.analysis.statistics.settings import Settings
from earthdim.storage import schema

COLUMNS, FAMILY_COLUMNS, SUMMARY_COLUMNS = (
    list(schema.COLUMNS[name]) for name in ("correlation", "correlation_families", "correlation_summary")
)
SUMMARY_KEYS = SUMMARY_COLUMNS[: SUMMARY_COLUMNS.index("coefficient") + 1]


def correlate(
    variants: pd.DataFrame,
    dimension: pd.DataFrame,
    probe: pd.DataFrame,
    settings: Mapping[str, Any],
    left_out: Collection[int] = (),
    controls: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Correlate intrinsic dimension with performance over cells.

    Parameters
    ----------
    variants, dimension, probe : DataFrame
        The tables of these names; for their columns see `earthdim.storage.schema.COLUMNS`.
    settings : mapping
        See `Settings`.
    left_out : collection of int
        Indices of primary claims whose rows were left out, so that they may match none; see `unmet`.
    controls : DataFrame, optional
        controls.csv, for the gate.

    Returns
    -------
    DataFrame
        The columns of `COLUMNS`. Rows are sorted by the columns of `KEYS`, empty fields last, then by level
        (pooled, within) and coefficient (in the order of the settings). `n_left_out` counts the cells excluded
        because of leakage or a failed control; `n_cells` and `n_families` count those the value is computed from. If
        the data do not permit a value, an interval or a test, the fields are empty and `note` states the reason.
        `adjustment` names the correction in `p_adjusted`: Holm over the primary rows, Benjamini-Yekutieli over all
        other tests.

    Raises
    ------
    ValueError
        If a table or a setting is invalid, or if a primary claim not in `left_out` matches no row.

    Notes
    -----
    The value within families is tanh of the mean of the families' Fisher z; a perfect coefficient is reduced by half
    a step (see `Coefficient.fisher_z`). Its p is from permutations of the cells within families, its interval from
    Student's t over the z of the families. If p is significant and the interval contains zero, the relation holds in
    some families but is not shown for families in general. The interval of the pooled value is a delete-one-family
    jackknife.
    """
    chosen = Settings.of(settings)
    whole = list(panels(_cells(variants, dimension, probe, chosen, controls)))
    within = [panel.usable_families() for panel in whole]
    p = _permutation(within, chosen)
    rows = []
    for number, (panel, (usable, unused)) in enumerate(zip(whole, within, strict=True)):
        for name in chosen.coefficients:
            rows.append(_pooled(panel, name, chosen))
        for name in chosen.coefficients:
            rows.append({**_within(usable, unused, name, chosen), "p": p[name][number]})
    table = pd.DataFrame(rows, columns=COLUMNS)
    for column in ("value", "low", "high", "p", "p_adjusted"):
        table[column] = table[column].astype(float)
    return _adjust(table, chosen, left_out)


def _cells(
    variants: pd.DataFrame,
    dimension: pd.DataFrame,
    probe: pd.DataFrame,
    settings: Settings,
    controls: pd.DataFrame | None,
) -> pd.DataFrame:
    """The table of cells, with those that the gate leaves out marked."""
    failed = failing(controls, settings.cell, settings.gate)
    return cells(variants, dimension, probe, settings.cell, failed)


def unmet(
    variants: pd.DataFrame, dimension: pd.DataFrame, probe: pd.DataFrame, settings: Mapping[str, Any]
) -> dict[int, Mapping[str, Any]]:
    """Primary claims, by index, that match no row of these tables.

    Parameters
    ----------
    variants, dimension, probe : DataFrame
    settings : mapping
        As in `correlate`.
    """
    chosen = Settings.of(settings)
    keys = cells(variants, dimension, probe, chosen.cell)
    return {number: claim for number, claim in enumerate(chosen.primary) if not _named(keys, claim).any()}


def _named(table: pd.DataFrame, claim: Mapping[str, Any]) -> np.ndarray:
    """Mask of the rows that match a claim in the columns that the table has."""
    named = np.ones(len(table), dtype=bool)
    for column, wanted in claim.items():
        if column in table:
            named &= table[column].isin(wanted if isinstance(wanted, list | tuple) else [wanted]).to_numpy()
    return named


def _row(panel: Panel, level: str, coefficient: str) -> dict[str, Any]:
    return {
        **panel.key,
        "level": level,
        "coefficient": coefficient,
        "interval": "",
        "adjustment": "",
        "n_cells": len(panel.dimension),
        "n_families": len(np.unique(panel.families)),
        "n_left_out": panel.left_out,
    }


def _few_families(count: int, settings: Settings) -> str:
    return f"{count} famil{'y' if count == 1 else 'ies'}: no interval below {settings.min_families}"


def _pooled(panel: Panel, name: str, settings: Settings) -> dict[str, Any]:
    row = _row(panel, "pooled", name)
    defect = panel.defect()
    if defect:
        return {**row, "note": defect}
    data = (COEFFICIENTS[name], panel.dimension, panel.performance)
    row["value"] = COEFFICIENTS[name](*data[1:])
    notes = ["descriptive: no test"]
    if row["n_families"] < settings.min_families:
        notes.append(_few_families(row["n_families"], settings))
    else:
        try:
            interval = pooled_interval(*data, panel.families, settings.confidence)
            row.update(low=interval.low, high=interval.high, interval="jackknife over families")
        except UndefinedError as error:
            notes.append(str(error))
    return {**row, "note": "; ".join(notes)}


def _within(usable: Panel, unused: list[str], name: str, settings: Settings) -> dict[str, Any]:
    row = _row(usable, "within", name)
    if not row["n_families"]:
        return {**row, "note": "; ".join(unused) or f"fewer than {CELLS_FOR_VALUE} cells"}
    coefficient = COEFFICIENTS[name]
    values = by_family(coefficient, usable.dimension, usable.performance, usable.families)
    z = family_z(coefficient, values, usable.families)
    row["value"] = float(np.tanh(z.mean()))
    notes = list(unused)
    perfect = [family for family, value in values.items() if 1.0 - abs(value) < 1e-9]
    if perfect:
        notes.append(f"perfect in {', '.join(perfect)}: taken half a step short of 1")
    if row["n_cells"] < settings.min_cells:
        notes.append(f"fewer than {settings.min_cells} cells: no test")
    if row["n_families"] < settings.min_families:
        notes.append(_few_families(row["n_families"], settings))
    else:
        try:
            interval = within_interval(z, settings.confidence)
            row.update(low=interval.low, high=interval.high, interval="t over families")
        except UndefinedError as error:
            notes.append(str(error))
    return {**row, "note": "; ".join(notes)}


def _permutation(within: list[tuple[Panel, list[str]]], settings: Settings) -> dict[str, np.ndarray]:
    """Permutation p of every panel, by coefficient; NaN (an empty field) if there are too few cells for a test."""
    p = {name: np.full(len(within), np.nan) for name in settings.coefficients}
    same: dict[tuple[bytes, tuple[str, ...]], list[int]] = {}
    for number, (panel, _) in enumerate(within):
        if len(panel.dimension) >= settings.min_cells:
            same.setdefault((panel.dimension.tobytes(), tuple(panel.families)), []).append(number)
    orders = {families: None for _, families in same}
    for families in orders:
        orders[families] = rearrangements(np.array(families), settings.draws, settings.seed)
    for (_, families), numbers in same.items():
        first = within[numbers[0]][0]
        performances = np.stack([within[number][0].performance for number in numbers], axis=1)
        for name in settings.coefficients:
            p[name][numbers] = permutation_p(
                COEFFICIENTS[name], first.dimension, performances, first.families, orders[families]
            )
    return p


def _adjust(table: pd.DataFrame, settings: Settings, left_out: Collection[int]) -> pd.DataFrame:
    primary = np.zeros(len(table), dtype=bool)
    for number, claim in enumerate(settings.primary):
        named = _named(table, claim)
        if len(table) and not named.any() and number not in left_out:
            raise ValueError(f"statistics.primary.{number}: no row of the correlation table matches {claim}")
        primary |= named
    tested = table["p"].notna().to_numpy()
    for rows, correct, name in (
        (tested & primary, holm, "holm"),
        (tested & ~primary, benjamini_yekutieli, "benjamini-yekutieli"),
    ):
        table.loc[rows, "p_adjusted"] = correct(table.loc[rows, "p"].to_numpy())
        table.loc[rows, "adjustment"] = name
    return table


def per_family(
    variants: pd.DataFrame,
    dimension: pd.DataFrame,
    probe: pd.DataFrame,
    settings: Mapping[str, Any],
    controls: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Spearman's rho of each family, and of all cells without that family.

    Parameters
    ----------
    variants, dimension, probe : DataFrame
    settings : mapping
    controls : DataFrame, optional
        As in `correlate`.

    Returns
    -------
    DataFrame
        The columns of `FAMILY_COLUMNS`, one row per panel and family, panels in the order of `correlate` and families
        in alphabetical order. `value` is rho of the family, `pooled` of all cells, `pooled_without` of the cells of all
        other families; `range_low` and `range_high` are the extremes of `pooled_without` over the families of the
        panel. Undefined values are empty and `note` states the reason.
    """
    chosen = Settings.of(settings)
    rows = []
    for panel in panels(_cells(variants, dimension, probe, chosen, controls)):
        rows.extend(_family_rows(panel))
    table = pd.DataFrame(rows, columns=FAMILY_COLUMNS)
    for column in ("value", "pooled", "pooled_without", "range_low", "range_high"):
        table[column] = table[column].astype(float)
    return table


def _family_rows(panel: Panel) -> list[dict[str, Any]]:
    rows = []
    pooled, _ = _spearman(panel)
    for name, inside in members(panel.families).items():
        value, defect = _spearman(panel.take(inside))
        without, defect_without = _spearman(panel.take(np.setdiff1d(np.arange(len(panel.families)), inside)))
        notes = [defect, f"without it: {defect_without}" if defect_without else ""]
        rows.append(
            {
                **panel.key,
                "coefficient": "spearman",
                "family": name,
                "n_cells": len(inside),
                "value": value,
                "pooled": pooled,
                "pooled_without": without,
                "note": "; ".join(filter(None, notes)),
            }
        )
    left = [row["pooled_without"] for row in rows if row["pooled_without"] is not None]
    if left:
        rows = [{**row, "range_low": min(left), "range_high": max(left)} for row in rows]
    return rows


def _spearman(panel: Panel) -> tuple[float | None, str]:
    """Rho of the cells of a panel, or None and the reason."""
    defect = panel.defect()
    if defect:
        return None, defect
    return COEFFICIENTS["spearman"](panel.dimension, panel.performance), ""


def summary(correlation: pd.DataFrame, without: Sequence[str] = ("elevation",)) -> pd.DataFrame:
    """Median coefficient over tasks. Descriptive: the tasks share their cells, so there is no test.

    Parameters
    ----------
    correlation : DataFrame
        Table of `correlate`.
    without : sequence of str
        Tasks excluded from the second median, because imagery leaks part of their variable.

    Returns
    -------
    DataFrame
        The columns of `SUMMARY_COLUMNS`, sorted by `SUMMARY_KEYS`, with level and coefficient in the order of the
        correlation table. `tasks` counts the tasks with a value, `positive` those with a value above zero. The columns
        ending in `_without` exclude the tasks in `without`. The median over no task is empty.
    """
    order = {name: list(dict.fromkeys(correlation[name])) for name in ("level", "coefficient")}
    ranked = correlation.assign(
        **{name: pd.Categorical(correlation[name], categories=values) for name, values in order.items()}
    )
    rows = []
    for key, group in ranked.groupby(SUMMARY_KEYS, dropna=False, observed=True):
        everything = group["value"].dropna()
        others = group.loc[~group["task"].isin(without), "value"].dropna()
        counts = [len(everything), int((everything > 0).sum()), len(others), int((others > 0).sum())]
        rows.append([*key, everything.median(), *counts[:2], others.median(), *counts[2:]])
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)
