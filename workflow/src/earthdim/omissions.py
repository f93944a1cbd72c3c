"""What cannot be had from the data at hand: left out by name and reason, so that all else goes on."""

import logging
from collections.abc import Iterable

import pandas as pd

from earthdim.storage.schema import LEFT_OUT


class OmittedError(ValueError):
    """One row, task, split or head cannot be had from this data; others can.

    Raised at known places only. What catches it leaves the one thing out, with the message as the reason; every other
    error ends the job.
    """


def left_out(rows: Iterable[dict]) -> pd.DataFrame:
    """Rows of what is left out, with all of `LEFT_OUT`; what does not apply is empty."""
    return pd.DataFrame(list(rows), columns=list(LEFT_OUT))


def notes(table: pd.DataFrame) -> pd.Series:
    """The column note of a table as text, whether or not it has one."""
    if "note" not in table:
        return pd.Series("", index=table.index)
    # Empty cells alone come back from a file as numbers.
    return table["note"].astype(object).where(table["note"].notna(), "").astype(str)


def measured(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table that have a value; those dropped are empty and say why in their note."""
    return table[table["value"].notna() | (notes(table) == "")]


def warn(log: logging.Logger, rows: pd.DataFrame) -> None:
    """Tell the log of a job of each measured row with a note.

    Parameters
    ----------
    log : Logger
    rows : DataFrame
        With the columns estimator and note.
    """
    for row in rows[notes(rows) != ""].itertuples():
        log.warning("%s: %s", row.estimator, row.note)
