"""The exact kNN graph of one embedding."""

from earthdim.estimation.neighbours.stores import graph_store
from earthdim.provenance import job
from earthdim.storage.stores import open_store, save_store

with job(snakemake) as run:
    embeddings = open_store(run.input.embeddings, "embeddings", ["embedding"])
    graph = graph_store(embeddings, run.config, run.log)
    save_store(graph, run.output.store, "neighbours", run.provenance)
