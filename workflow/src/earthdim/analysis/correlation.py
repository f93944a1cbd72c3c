"""Correlation of intrinsic dimension with performance: tables in, tables out.

The unit is the cell: trained variants that differ in their seed alone are averaged first. Cells whose
modality holds the task's own variable are left out and counted. Two levels are kept apart. *pooled* takes
every cell as a point, whatever its family; it mixes the difference between families with what happens
inside them, is descriptive, and carries no test. *within* is the mean of the families' own coefficients on
Fisher's z scale; it carries the permutation test.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

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
    passed_over: Collection[int] = (),
) -> pd.DataFrame:
    """Correlate intrinsic dimension with performance over cells.

    Parameters
    ----------
    variants, dimension, probe : DataFrame
        The tables of these names; their columns stand in `earthdim.storage.stores`.
    settings : mapping
        See `Settings`.
    passed_over : collection of int
        Numbers of primary claims that may name no row, since what they are about was left out; see `unmet`.

    Returns
    -------
    DataFrame
        The columns of `COLUMNS`. Rows are sorted by the columns of `KEYS` in their order, empty cells last;
        below them level (pooled, within) and coefficient (in the order of the settings). `n_left_out`
        counts leaking cells; `n_cells` and `n_families` count what the value rests on. Where the data do
        not allow a value, an interval or a test the cells are empty and `note` says why. `adjustment` names
        the correction in `p_adjusted`: Holm over the primary rows, Benjamini and Yekutieli over all other
        tests.

    Raises
    ------
    ValueError
        If a table or the settings are not as described, or a primary claim that is not passed over names no row.

    Notes
    -----
    The value within families is tanh of the mean of the families' Fisher z; a perfect coefficient enters half a
    step short of one (see `Coefficient.fisher_z`). Its p comes from permuting the cells within families, its
    interval is Student's t over these z. If p rejects and the interval holds zero, the relation holds in some
    families and is not shown to hold in families at large. The interval of the pooled value is a
    delete-one-family jackknife.
    """
    chosen = Settings.of(settings)
    whole = list(panels(cells(variants, dimension, probe, chosen.cell)))
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
    return _adjust(table, chosen, passed_over)


def unmet(
    variants: pd.DataFrame, dimension: pd.DataFrame, probe: pd.DataFrame, settings: Mapping[str, Any]
) -> dict[int, Mapping[str, Any]]:
    """The primary claims by their number of which these tables hold nothing.

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
    """Which rows of a table a claim names, by the columns that the table has."""
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
    """Permutation p of every panel, by coefficient; NaN (an empty cell) where no test is allowed."""
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


def _adjust(table: pd.DataFrame, settings: Settings, passed_over: Collection[int]) -> pd.DataFrame:
    primary = np.zeros(len(table), dtype=bool)
    for number, claim in enumerate(settings.primary):
        named = _named(table, claim)
        if len(table) and not named.any() and number not in passed_over:
            raise ValueError(f"statistics.primary.{number}: no row of the correlations is {claim}")
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
    variants: pd.DataFrame, dimension: pd.DataFrame, probe: pd.DataFrame, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Spearman's rho of each family alone, and of all cells without that family.

    Parameters
    ----------
    variants, dimension, probe : DataFrame
    settings : mapping
        As in `correlate`.

    Returns
    -------
    DataFrame
        The columns of `FAMILY_COLUMNS`, one row a panel and family, panels in the order of `correlate` and
        families in alphabetical order. `value` is the family's own rho, `pooled` that of all cells,
        `pooled_without` that of all other families' cells, `range_low` and `range_high` the extremes of the
        latter over the panel's families. What is not defined is empty and `note` says why.
    """
    chosen = Settings.of(settings)
    rows = []
    for panel in panels(cells(variants, dimension, probe, chosen.cell)):
        rows.extend(_family_rows(panel))
    table = pd.DataFrame(rows, columns=FAMILY_COLUMNS)
    for column in ("value", "pooled", "pooled_without", "range_low", "range_high"):
        table[column] = table[column].astype(float)
    return table


def _family_rows(panel: Panel) -> list[dict[str, Any]]:
    rows = []
    pooled, _ = _spearman(panel)
    for name, own in members(panel.families).items():
        value, defect = _spearman(panel.take(own))
        without, defect_without = _spearman(panel.take(np.setdiff1d(np.arange(len(panel.families)), own)))
        notes = [defect, f"without it: {defect_without}" if defect_without else ""]
        rows.append(
            {
                **panel.key,
                "coefficient": "spearman",
                "family": name,
                "n_cells": len(own),
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
    """Rho of a panel's cells, or why there is none."""
    defect = panel.defect()
    if defect:
        return None, defect
    return COEFFICIENTS["spearman"](panel.dimension, panel.performance), ""


def summary(correlation: pd.DataFrame, without: Sequence[str] = ("elevation",)) -> pd.DataFrame:
    """Median coefficient over tasks: a description, not a test, for the tasks share their cells.

    Parameters
    ----------
    correlation : DataFrame
        Of `correlate`.
    without : sequence of str
        Tasks that imagery leaks in part, left out of the second median.

    Returns
    -------
    DataFrame
        The columns of `SUMMARY_COLUMNS`, sorted by `SUMMARY_KEYS`, level and coefficient in the order of
        the correlation table. `tasks` counts the tasks with a value and `positive` those of them above
        zero; the columns ending in `_without` leave out the tasks named. A median of no task is empty.
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
