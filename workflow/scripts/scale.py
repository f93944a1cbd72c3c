"""Dimension of one variant at several numbers of points, or on another support."""

from earthdim.estimation.scale import scale_rows
from earthdim.omissions import log_rows
from earthdim.provenance import job
from earthdim.storage.files import write_table
from earthdim.storage.stores import open_store

with job(snakemake) as run:
    rows = scale_rows(open_store(run.input.embeddings, "embeddings"), run.config)
    write_table(rows, run.output.table)
    log_rows(run.log, rows, "{0.estimator} {0.value:.2f} (n = {0.n})")
