"""Global and local intrinsic dimension of one embedding, and the kNN graph unless other jobs have searched it."""

from earthdim.estimation.embeddings import dimension
from earthdim.estimation.neighbours.stores import graph_store
from earthdim.omissions import log_rows
from earthdim.provenance import job
from earthdim.storage.files import write_table
from earthdim.storage.stores import open_store, save_store

with job(snakemake) as run:
    embeddings = open_store(run.input.embeddings, "embeddings")
    if graph := run.input.get("neighbours"):
        neighbours = open_store(graph, "neighbours")
    else:
        neighbours = graph_store(embeddings, run.config["neighbours"], run.log)
        save_store(neighbours, run.output.neighbours, "neighbours", run.provenance)
    rows, local = dimension(embeddings, neighbours, run.config)
    save_store(local, run.output.store, "local_dimension", run.provenance)
    write_table(rows, run.output.table)
    log_rows(run.log, rows)
