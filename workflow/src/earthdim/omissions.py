"""Omissions: results that the data does not permit, recorded with name and reason. All other results are computed."""

import logging
from collections.abc import Iterable

import pandas as pd

from earthdim.storage.schema import LEFT_OUT


class OmittedError(ValueError):
    """One row, task, split or head is not possible with this data; others are not affected.

    The caller leaves that one result out, with the message as the reason. Any other error ends the job.
    """


def left_out(rows: Iterable[dict]) -> pd.DataFrame:
    """Rows of left_out.csv without their variant, with the columns `LEFT_OUT`; fields that do not apply are empty."""
    return pd.DataFrame(list(rows), columns=list(LEFT_OUT))


def notes(table: pd.DataFrame) -> pd.Series:
    """The column note of a table as text; empty if the table has no such column."""
    if "note" not in table:
        return pd.Series("", index=table.index)
    # A column of empty cells is read from a file as numbers.
    return table["note"].astype(object).where(table["note"].notna(), "").astype(str)


def measured(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table, without those that have no value but a note that states the reason."""
    return table[table["value"].notna() | (notes(table) == "")]


def log_rows(log: logging.Logger, rows: pd.DataFrame, form: str = "{0.estimator} {0.value:.2f}") -> None:
    """Log estimates: each note as a warning, then all values in one line.

    Parameters
    ----------
    log : Logger
    rows : DataFrame
        With the columns estimator, value and note.
    form : str, optional
        Format of a row with a value.
    """
    warn(log, rows)
    log.info("%s", ", ".join(form.format(row) for row in measured(rows).itertuples()))


def warn(log: logging.Logger, rows: pd.DataFrame) -> None:
    """Log the note of each row as a warning; see `log_rows`."""
    for row in rows[notes(rows) != ""].itertuples():
        log.warning("%s: %s", row.estimator, row.note)
