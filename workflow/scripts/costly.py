"""Estimators that are too costly for a whole sample, on its first points."""

from earthdim.estimation.embeddings import costly
from earthdim.omissions import log_rows
from earthdim.provenance import job
from earthdim.storage.files import write_table
from earthdim.storage.stores import open_store

with job(snakemake) as run:
    rows = costly(open_store(run.input.embeddings, "embeddings"), run.config)
    write_table(rows, run.output.table)
    log_rows(run.log, rows)
