"""The tables of an experiment, assembled from the rows of its variants."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from earthdim.analysis.claims import left_out_rows
from earthdim.analysis.correlation import unmet
from earthdim.analysis.gate import failing, left_out_cells
from earthdim.omissions import notes
from earthdim.storage.schema import AXES, COLUMNS, COUNTERPARTS, DIMENSION_KEY, TARGET


def leaked(sources: Sequence[str], task: Mapping[str, Sequence[str]]) -> str:
    """Whether a variant's training data contains the variable of a task: yes, in part, or no.

    Parameters
    ----------
    sources : sequence of str
        The sources of the variant's modality; empty if it was not trained here.
    task : mapping
        `leaked_by` and `leaked_in_part_by`, lists of sources.
    """
    if set(sources) & set(task["leaked_by"]):
        return "yes"
    return "in part" if set(sources) & set(task["leaked_in_part_by"]) else "no"


def variants_table(
    facts: Sequence[Mapping[str, Any]], summaries: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """One row per variant.

    Parameters
    ----------
    facts : sequence of mapping
        For each variant: its name, axes, branches, controls, family and sources (see
        `earthdim.experiment.queries.facts`).
    summaries : sequence of mapping
        For each variant, in the same order: the summary that pre-training recorded.
    """
    rows = []
    for fact, summary in zip(facts, summaries, strict=True):
        row = {key: value for key, value in fact.items() if key != "sources"}
        rows.append({**row, "branches": ";".join(fact["branches"]), **summary})
    return pd.DataFrame(rows)


def dimension_table(facts: Sequence[Mapping[str, Any]], rows: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All estimates of dimension, each with the values of the variant's controls and the differences from them.

    The columns are those of `earthdim.storage.schema.COUNTERPARTS`, minus_twin and minus_shuffled; the row of a control
    has the same `earthdim.storage.schema.DIMENSION_KEY`.

    Parameters
    ----------
    facts : sequence of mapping
        As in `variants_table`.
    rows : sequence of DataFrame
        Estimates, identified as in `earthdim.estimation.rows`.
    """
    table = measured_table(facts, rows)
    key = list(DIMENSION_KEY)
    # An estimator without k has an empty cell, and empty cells do not match each other.
    table["k"] = table["k"].fillna(0)
    values, found = table.set_index(["variant", *key])["value"], {}
    for name, column in COUNTERPARTS.items():
        others = table["variant"].map({fact["variant"]: fact[name] for fact in facts})
        wanted = pd.MultiIndex.from_frame(table.assign(variant=others)[["variant", *key]])
        found[column] = values.reindex(wanted).to_numpy()
    for name in ("twin", "shuffled"):
        found[f"minus_{name}"] = table["value"] - found[COUNTERPARTS[name]]
    return table.assign(**found, k=table["k"].where(table["k"] > 0))


def left_out_table(
    probe: Sequence[pd.DataFrame] = (),
    whole: Sequence[pd.DataFrame] = (),
    statistics: Mapping[str, Any] | None = None,
    **rows: Sequence[pd.DataFrame],
) -> pd.DataFrame:
    """All results that an experiment left out because of the data, with name and reason.

    Parameters
    ----------
    probe : sequence of DataFrame
        For each probed variant: rows of `earthdim.omissions.left_out`, with variant and points.
    whole : sequence of DataFrame
        The tables variants, dimension, probe and controls, if the experiment has tasks.
    statistics : mapping, optional
        The settings of the correlation. Cells that fail a control are left out of it, and so is a claim without any
        remaining row.
    **rows : sequence of DataFrame
        For each other table, by its name: its rows. Those with a note are listed.

    Returns
    -------
    DataFrame
        With the columns of left_out.csv. `table` is the table that lacks the result, `what` its type (split, task,
        head, estimator, interval, map, cell, claim) and `name` its name; task, split, head, k and n locate it. For an
        estimator the value is missing, for an interval only the interval, for a map some of its points.
    """
    columns = list(COLUMNS["left_out"])
    parts = [part.reindex(columns=columns) for part in probe]
    parts += [_noted(name, part).reindex(columns=columns) for name, found in rows.items() for part in found]
    if whole and statistics:
        *tables, controls = whole
        failed = failing(controls, statistics["cell"], statistics["gate"])
        parts.append(pd.DataFrame(left_out_cells(failed, statistics["cell"])).reindex(columns=columns))
        # Else `correlate` rejects a claim that matches no row.
        if any(map(len, parts)) or "claims" not in set(tables[-1]["task_set"]):
            parts.append(pd.DataFrame(left_out_rows(unmet(*tables, statistics))).reindex(columns=columns))
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def _noted(table: str, rows: pd.DataFrame) -> pd.DataFrame:
    """One row of left_out.csv for each estimate with a note."""
    noted = rows.assign(reason=notes(rows))
    noted = noted[noted["reason"] != ""]
    what = ["map" if reason.startswith("the map") else "interval" for reason in noted["reason"]]
    what = ["estimator" if empty else kind for empty, kind in zip(noted["value"].isna(), what, strict=True)]
    return noted.assign(table=table, what=what, name=noted["estimator"])


def missing_table(missing: Mapping[str, str]) -> pd.DataFrame:
    """Variants that were skipped because their weights are missing, and how to obtain the weights.

    Parameters
    ----------
    missing : mapping
        Variant -> message.
    """
    return pd.DataFrame(missing.items(), columns=["variant", "message"])


def probe_table(
    facts: Sequence[Mapping[str, Any]],
    rows: Sequence[pd.DataFrame],
    tasks: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """All scores, with two marks.

    The column leaked marks those whose variable is in the variant's training data, see `leaked`; task_set names the set
    of the task.
    """
    table = measured_table(facts, rows)
    sources = {fact["variant"]: fact["sources"] for fact in facts}
    marks = [leaked(sources[row.variant], tasks[row.task]) for row in table.itertuples()]
    return table.assign(leaked=marks, task_set=[tasks[task]["set"] for task in table["task"]])


def measured_table(facts: Sequence[Mapping[str, Any]], rows: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One table of all rows of a measurement, each with the axes of its variant.

    The axes come from the experiment's grid; names of variants are never parsed.
    """
    axes = pd.DataFrame(facts)[["variant", *AXES]]
    # Empty tables have no column types, so they are skipped unless all are empty.
    table = pd.concat([part for part in rows if len(part)] or list(rows), ignore_index=True)
    for column in (*TARGET, "interval", "note"):
        if column in table:
            table[column] = table[column].fillna("")
    return table.merge(axes, on="variant", how="left", validate="many_to_one")
