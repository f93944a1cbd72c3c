"""Primary claims without a remaining row in the correlation table, as rows of left_out.csv."""

import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd

_KEY = "statistics.primary."


def left_out_rows(claims: Mapping[int, Mapping[str, Any]]) -> list[dict[str, str]]:
    """One row per claim that is left out.

    Parameters
    ----------
    claims : mapping
        Index of a primary claim -> the claim; see `earthdim.analysis.correlation.unmet`.
    """
    return [
        {
            "table": "correlation",
            "what": "claim",
            "name": f"{_KEY}{number}",
            "reason": f"nothing is left of {dict(claim)}",
        }
        for number, claim in claims.items()
    ]


def left_out_numbers(left_out: pd.DataFrame, log: logging.Logger) -> list[int]:
    """Indices of the primary claims in left_out.csv; each is logged as a warning with its reason."""
    claims = left_out[left_out["what"] == "claim"]
    for row in claims.itertuples():
        log.warning("%s is left out: %s", row.name, row.reason)
    return [int(name.removeprefix(_KEY)) for name in claims["name"]]
