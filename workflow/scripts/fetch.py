"""Fetch the released weights that the experiment lacks."""

from earthdim.encoders.released.fetching import fetch_all
from earthdim.encoders.released.sources import CheckpointError
from earthdim.jobs.runtime import job

with job(snakemake, "weights") as run:
    try:
        fetch_all(run.config["weights"], run.log)
    except CheckpointError as error:
        raise SystemExit(str(error)) from None
