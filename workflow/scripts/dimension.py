"""Global and local intrinsic dimension of one embedding."""

from earthdim.estimation.embeddings import dimension
from earthdim.omissions import log_rows
from earthdim.provenance import job
from earthdim.storage.files import write_table
from earthdim.storage.stores import open_store, save_store

with job(snakemake) as run:
    embeddings = open_store(run.input.embeddings, "embeddings")
    neighbours = open_store(run.input.neighbours, "neighbours")
    rows, local = dimension(embeddings, neighbours, run.config)
    save_store(local, run.output.store, "local_dimension", run.provenance)
    write_table(rows, run.output.table)
    log_rows(run.log, rows)
