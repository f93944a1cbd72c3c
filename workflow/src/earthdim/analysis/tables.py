"""An experiment's tables from the rows of its variants."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from earthdim.analysis.claims import left_out_rows
from earthdim.analysis.correlation import unmet
from earthdim.omissions import notes
from earthdim.storage.schema import AXES, COLUMNS, DIMENSION_KEY, TARGET


def leaked(sources: Sequence[str], task: Mapping[str, Sequence[str]]) -> str:
    """Whether what a variant was trained on holds a task's own variable: yes, in part, or no.

    Parameters
    ----------
    sources : sequence of str
        The sources of the variant's modality; empty when it saw none of ours.
    task : mapping
        `leaked_by` and `leaked_in_part_by`, lists of sources.
    """
    if set(sources) & set(task["leaked_by"]):
        return "yes"
    return "in part" if set(sources) & set(task["leaked_in_part_by"]) else "no"


def variants_table(
    facts: Sequence[Mapping[str, Any]], summaries: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """One row a variant.

    Parameters
    ----------
    facts : sequence of mapping
        Of each variant: its name, axes, branches, twin, family and sources (see `earthdim.experiment.queries.facts`).
    summaries : sequence of mapping
        Of each variant: what pre-training recorded, in the same order.
    """
    rows = []
    for fact, summary in zip(facts, summaries, strict=True):
        row = {key: value for key, value in fact.items() if key != "sources"}
        rows.append({**row, "branches": ";".join(fact["branches"]), **summary})
    return pd.DataFrame(rows)


def dimension_table(facts: Sequence[Mapping[str, Any]], rows: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All rows on dimension, each beside the value of its variant's untrained twin.

    Parameters
    ----------
    facts : sequence of mapping
        As in `variants_table`.
    rows : sequence of DataFrame
        What was measured, with the columns variant, points, replicate and space; rows on activations name their
        task, split and head too.
    """
    table = measured_table(facts, rows)
    key = list(DIMENSION_KEY)
    # Where an estimator has no k, the cell is empty, and empty cells do not find each other.
    table["k"] = table["k"].fillna(0)
    twins = table["variant"].map({fact["variant"]: fact["twin"] for fact in facts})
    values = table.set_index(["variant", *key])["value"]
    wanted = pd.MultiIndex.from_frame(table.assign(variant=twins)[["variant", *key]])
    return table.assign(twin_value=values.reindex(wanted).to_numpy(), k=table["k"].where(table["k"] > 0))


def left_out_table(
    probe: Sequence[pd.DataFrame] = (),
    whole: Sequence[pd.DataFrame] = (),
    statistics: Mapping[str, Any] | None = None,
    **rows: Sequence[pd.DataFrame],
) -> pd.DataFrame:
    """All that an experiment left out because it does not fit the data, by name and reason.

    Parameters
    ----------
    probe : sequence of DataFrame
        Of each variant that is probed: what `earthdim.omissions.left_out` has, with variant and points.
    whole : sequence of DataFrame
        The tables variants, dimension and probe, where there are claims.
    statistics : mapping, optional
        The settings of the correlation, whose claims on what was left out are left out too.
    **rows : sequence of DataFrame
        Of each other table by its name: the rows that were measured; those with a note are meant.

    Returns
    -------
    DataFrame
        With the columns of left_out.csv: `table` would have held it, `what` (split, task, head, estimator, interval,
        map, claim) and `name` tell what it is, task, split, head, k and n where. Of an estimator the value is missing,
        of an interval nothing but the interval, of a map some points.
    """
    columns = list(COLUMNS["left_out"])
    parts = [part.reindex(columns=columns) for part in probe]
    parts += [_noted(name, part).reindex(columns=columns) for name, found in rows.items() for part in found]
    found = [part for part in parts if len(part)]
    if not found:
        return pd.DataFrame(columns=columns)
    claims = unmet(*whole, statistics) if whole and statistics else {}
    found += [pd.DataFrame(left_out_rows(claims)).reindex(columns=columns)] if claims else []
    return pd.concat(found, ignore_index=True)


def _noted(table: str, rows: pd.DataFrame) -> pd.DataFrame:
    """What lacks in rows that were measured."""
    noted = rows.assign(reason=notes(rows))
    noted = noted[noted["reason"] != ""]
    what = ["map" if reason.startswith("the map") else "interval" for reason in noted["reason"]]
    what = ["estimator" if empty else kind for empty, kind in zip(noted["value"].isna(), what, strict=True)]
    return noted.assign(table=table, what=what, name=noted["estimator"])


def missing_table(missing: Mapping[str, str]) -> pd.DataFrame:
    """Variants that an experiment does without, and how to get their weights.

    Parameters
    ----------
    missing : mapping
        Variant -> message.
    """
    return pd.DataFrame(missing.items(), columns=["variant", "message"])


def probe_table(
    facts: Sequence[Mapping[str, Any]],
    rows: Sequence[pd.DataFrame],
    tasks: Mapping[str, Mapping[str, Sequence[str]]],
) -> pd.DataFrame:
    """All scores, each marked where the variant's modality leaks the task's variable."""
    table = measured_table(facts, rows)
    sources = {fact["variant"]: fact["sources"] for fact in facts}
    marks = [leaked(sources[row.variant], tasks[row.task]) for row in table.itertuples()]
    return table.assign(leaked=marks)


def measured_table(facts: Sequence[Mapping[str, Any]], rows: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One table of all rows of a measurement, each with the axes of its variant.

    The axes come from the grid, never from a name.
    """
    axes = pd.DataFrame(facts)[["variant", *AXES]]
    # Empty tables have no types; where nothing else is left they keep their columns.
    table = pd.concat([part for part in rows if len(part)] or list(rows), ignore_index=True)
    for column in (*TARGET, "interval", "note"):
        if column in table:
            table[column] = table[column].fillna("")
    return table.merge(axes, on="variant", how="left", validate="many_to_one")
