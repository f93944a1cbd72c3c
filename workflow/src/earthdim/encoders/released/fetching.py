"""Fetching all released weights that an experiment lacks."""

import logging
from collections.abc import Mapping
from typing import Any

from earthdim.encoders.released.sources import CheckpointError, fetch


def fetch_all(weights: Mapping[str, Mapping[str, Any]], log: logging.Logger) -> None:
    """Fetch weights; a failure does not stop the others.

    Parameters
    ----------
    weights : mapping
        Name -> leaf of config/weights.
    log : Logger
        Receives the path of each file.

    Raises
    ------
    CheckpointError
        If some could not be fetched: one line for each.
    """
    failed = []
    if not weights:
        log.info("nothing to fetch: all weights of this experiment are available")
    for name, leaf in weights.items():
        try:
            log.info("%s: %s", name, fetch(leaf))
        except (OSError, ValueError) as error:
            failed.append(f"{name}: {error}")
    if failed:
        raise CheckpointError("\n".join(failed))
