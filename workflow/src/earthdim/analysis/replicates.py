"""Means over replicates (independent random realisations of a sample), and their comparison with the paper's values."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from earthdim.analysis.published import TABLE
from earthdim.analysis.published import published as published_values
from earthdim.estimation.uncertainty import replicate_interval
from earthdim.omissions import measured as with_value
from earthdim.omissions import notes
from earthdim.storage.schema import AXES, INTERVAL, MEASURE

ENCODER = ["name", "kind", "ambient_dim", "variant"]
COUNTERPART = ["variant", *MEASURE[:2]]


def draws_table(dimension: pd.DataFrame) -> pd.DataFrame:
    """Mean over replicates, with its t interval.

    Parameters
    ----------
    dimension : DataFrame
        dimension.csv. Replicates with the same number of points are averaged.

    Returns
    -------
    DataFrame
        One row per variant, n, estimator, k and aggregation of embeddings. A single replicate keeps its interval.
        Replicates without a value are not counted, and `note` gives their number; without any value, the cell is
        empty.
    """
    rows = dimension[dimension["space"] == "embedding"]
    key = ["variant", *AXES, "n", *MEASURE]
    found = []
    for values, draws in rows.groupby(key, sort=False, dropna=False):
        found.append({**dict(zip(key, values, strict=True)), **_mean(draws)})
    return pd.DataFrame(found)


def _mean(draws: pd.DataFrame) -> dict[str, Any]:
    """The columns of one row: the mean over the replicates of one measure."""
    usable = with_value(draws)
    if len(usable) > 1:
        interval = replicate_interval(usable["value"])._asdict()
    else:
        interval = (usable if len(usable) else draws)[list(INTERVAL)].iloc[0].to_dict()
    note = list(dict.fromkeys(note for note in notes(draws) if note))
    lacking = len(draws) - len(usable)
    if lacking and len(draws) > 1:
        note.insert(0, f"{lacking} of {len(draws)} draws have no value")
    above = bool(usable["above_ambient"].astype(bool).any())
    return {"draws": len(usable), **interval, "above_ambient": above, "note": "; ".join(note)}


def table1(
    dimension: pd.DataFrame,
    missing: Mapping[str, str] | None = None,
    published: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The paper's Table 1 with the corresponding measured values.

    Parameters
    ----------
    dimension : DataFrame
        dimension.csv.
    missing : mapping, optional
        Variants of the experiment whose weights are missing -> instructions to obtain them.
    published : DataFrame, optional
        With the columns of `earthdim.analysis.published.published`, which is the default.

    Returns
    -------
    DataFrame
        One row per published value, in their order: the mean over replicates of the variant with the same weights (see
        `draws_table`), or a note that states why there is none. The rows below are measured values of these variants
        that were not published: other k, other estimators.

    Raises
    ------
    ValueError
        If a published value has more than one counterpart.
    """
    published = published_values() if published is None else published
    # An estimator without k has an empty cell, and empty cells do not match each other.
    wanted = published[published["table"] == TABLE].rename(columns={"value": "published"}).fillna({"k": 0})
    measured = draws_table(dimension).fillna({"k": 0}).astype({"k": wanted["k"].dtype})
    measured = measured[[*COUNTERPART, *MEASURE[2:], "n", "draws", *INTERVAL, "note"]]
    try:
        compared = wanted[[*ENCODER, "estimator", "k", "published"]].merge(
            measured, on=COUNTERPART, how="left", validate="many_to_one"
        )
    except pd.errors.MergeError as error:
        raise ValueError(f"table 1: a variant has several values of one estimator and k ({error})") from error
    known = set(measured["variant"])
    lacking = compared["value"].isna() & (notes(compared) == "")
    compared["note"] = [
        _note(row.variant, row.estimator, row.k, known, missing or {}) if lacks else note
        for row, lacks, note in zip(compared.itertuples(), lacking, notes(compared), strict=True)
    ]
    found, taken = (pd.MultiIndex.from_frame(part[COUNTERPART]) for part in (measured, compared))
    encoders = wanted.loc[wanted["variant"] != "", ENCODER].drop_duplicates()
    others = measured[~found.isin(taken)].merge(encoders, on="variant", validate="many_to_one")
    note = "not published" + ("; " + others["note"]).where(others["note"] != "", "")
    table = pd.concat([compared, others.assign(note=note)], ignore_index=True)
    words = {column: table[column].astype(object).fillna("") for column in ("aggregation", "interval")}
    return table.assign(k=table["k"].where(table["k"] > 0), **words)


def _note(variant: str, estimator: str, k: float, known: set[str], missing: Mapping[str, str]) -> str:
    """Reason why a published value has no measured counterpart, and how to obtain one."""
    if not variant:
        return "not measured: earthdim has no adapter; embeddings of it can be read as a table of one's own"
    if variant in missing:
        return f"not measured: weights not at hand; {missing[variant]}"
    if variant not in known:
        return f"not measured: {variant} is not in this experiment"
    return f"not measured: this experiment has no {estimator}" + (f" at k = {k:.0f}" if k else "")
