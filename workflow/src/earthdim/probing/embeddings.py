"""The probe of one store of embeddings: stores of labels in, tables out."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import xarray as xr

from earthdim.build import build
from earthdim.probing.probe import ProbeResult, probe
from earthdim.probing.tasks.labelling import partition
from earthdim.storage.stores import lonlat


def probe_embeddings(
    embeddings: xr.Dataset, labels: Sequence[xr.Dataset], config: Mapping[str, Any], log: logging.Logger
) -> ProbeResult:
    """Score an embedding on all tasks, splits and heads.

    Parameters
    ----------
    embeddings : Dataset
        A store of the kind `embeddings`; its attributes name the variant and the point set.
    labels : sequence of Dataset
        One store of the kind `labels` for each task, at the same points.
    config : mapping
        splits and heads (name -> leaf), intervals (leaf), seed, and everywhere: whether a task is left out unless it
        has a label at every point, which holds for point sets that belong to a variant.
    log : Logger
        Receives a warning for all that is left out, and the primary scores.

    Returns
    -------
    ProbeResult
        Its tables `rows` and `left_out` have the columns variant and points.
    """
    used, lacking = partition(labels, config["everywhere"])
    result = probe(
        embeddings["embedding"].values,
        lonlat(embeddings),
        {store.attrs["task"]: (store.attrs["kind"], store["label"].values) for store in used},
        {name: build(leaf) for name, leaf in config["splits"].items()},
        {name: build(leaf) for name, leaf in config["heads"].items()},
        config["seed"],
        build(config["intervals"]),
    )
    left_out = pd.concat([part for part in (lacking, result.left_out) if len(part)] or [lacking])
    where = {"variant": embeddings.attrs["variant"], "points": embeddings.attrs["points"]}
    _log(result.rows, left_out, log)
    return replace(result, rows=result.rows.assign(**where), left_out=left_out.assign(**where))


def _log(rows: pd.DataFrame, left_out: pd.DataFrame, log: logging.Logger) -> None:
    for row in left_out.itertuples():
        places = (row.task, row.split, row.head)
        at = ", ".join(place for place in places if isinstance(place, str) and place != row.name)
        log.warning("the %s %s is left out%s: %s", row.what, row.name, f" of {at}" if at else "", row.reason)
    for row in rows[rows["primary"]].itertuples():
        log.info("%s, %s, %s: %s %.3f", row.task, row.split, row.head, row.metric, row.value)
