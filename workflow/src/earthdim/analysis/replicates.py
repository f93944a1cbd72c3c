"""Means over independent draws of points, and beside them what the paper published."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from earthdim.analysis.published import TABLE
from earthdim.analysis.published import published as published_values
from earthdim.estimation.uncertainty import replicate_interval
from earthdim.omissions import measured as with_value
from earthdim.omissions import notes
from earthdim.storage.schema import AXES

INTERVAL = ["value", "low", "high", "interval"]
ENCODER = ["name", "kind", "ambient_dim", "variant"]
MEASURE = ["variant", "estimator", "k"]


def draws_table(dimension: pd.DataFrame) -> pd.DataFrame:
    """Mean over independent draws of points, with its t interval.

    Parameters
    ----------
    dimension : DataFrame
        dimension.csv. The draws are the replicates of one number of points.

    Returns
    -------
    DataFrame
        One row a variant, n, estimator, k and aggregation of embeddings. A single draw keeps its own interval. Draws
        without a value do not count, which `note` tells; where none has one, the value is empty.
    """
    rows = dimension[dimension["space"] == "embedding"]
    key = ["variant", *AXES, "n", "estimator", "k", "aggregation"]
    found = []
    for values, draws in rows.groupby(key, sort=False, dropna=False):
        found.append({**dict(zip(key, values, strict=True)), **_mean(draws)})
    return pd.DataFrame(found)


def _mean(draws: pd.DataFrame) -> dict[str, Any]:
    """What the table says of the draws of one measure."""
    usable = with_value(draws)
    if len(usable) > 1:
        interval = replicate_interval(usable["value"])._asdict()
    else:
        interval = (usable if len(usable) else draws)[INTERVAL].iloc[0].to_dict()
    said = list(dict.fromkeys(note for note in notes(draws) if note))
    lacking = len(draws) - len(usable)
    if lacking and len(draws) > 1:
        said.insert(0, f"{lacking} of {len(draws)} draws have no value")
    above = bool(usable["above_ambient"].astype(bool).any())
    return {"draws": len(usable), **interval, "above_ambient": above, "note": "; ".join(said)}


def table1(
    dimension: pd.DataFrame,
    missing: Mapping[str, str] | None = None,
    published: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The paper's Table 1 beside what was measured.

    Parameters
    ----------
    dimension : DataFrame
        dimension.csv.
    missing : mapping, optional
        Variants of the experiment whose weights are not at hand -> what to fetch, and where to put it.
    published : DataFrame, optional
        With the columns of `earthdim.analysis.published.published`, which stands in for None.

    Returns
    -------
    DataFrame
        One row a published value, in their order: the mean over draws of the variant that holds the very weights (see
        `draws_table`), or a note that says why there is none. Below them what was measured of these variants and not
        published: other k, other estimators.

    Raises
    ------
    ValueError
        If a published value has more than one counterpart.
    """
    published = published_values() if published is None else published
    # An estimator without k has an empty cell there, and empty cells do not find each other.
    wanted = published[published["table"] == TABLE].rename(columns={"value": "published"}).fillna({"k": 0})
    measured = draws_table(dimension).fillna({"k": 0}).astype({"k": wanted["k"].dtype})
    measured = measured[[*MEASURE, "aggregation", "n", "draws", *INTERVAL, "note"]]
    try:
        beside = wanted[[*ENCODER, "estimator", "k", "published"]].merge(
            measured, on=MEASURE, how="left", validate="many_to_one"
        )
    except pd.errors.MergeError as error:
        raise ValueError(f"table 1: a variant has several values of one estimator and k ({error})") from error
    known = set(measured["variant"])
    lacking = beside["value"].isna() & (notes(beside) == "")
    beside["note"] = [
        _note(row.variant, row.estimator, row.k, known, missing or {}) if lacks else said
        for row, lacks, said in zip(beside.itertuples(), lacking, notes(beside), strict=True)
    ]
    found, taken = (pd.MultiIndex.from_frame(part[MEASURE]) for part in (measured, beside))
    encoders = wanted.loc[wanted["variant"] != "", ENCODER].drop_duplicates()
    others = measured[~found.isin(taken)].merge(encoders, on="variant", validate="many_to_one")
    said = "not published" + ("; " + others["note"]).where(others["note"] != "", "")
    table = pd.concat([beside, others.assign(note=said)], ignore_index=True)
    words = {column: table[column].astype(object).fillna("") for column in ("aggregation", "interval")}
    return table.assign(k=table["k"].where(table["k"] > 0), **words)


def _note(variant: str, estimator: str, k: float, known: set[str], missing: Mapping[str, str]) -> str:
    """Why a published value has no counterpart, and how it can have one."""
    if not variant:
        return "not measured: earthdim has no adapter; embeddings of it can be read as a table of one's own"
    if variant in missing:
        return f"not measured: weights not at hand; {missing[variant]}"
    if variant not in known:
        return f"not measured: {variant} is not in this experiment"
    return f"not measured: this experiment has no {estimator}" + (f" at k = {k:.0f}" if k else "")
