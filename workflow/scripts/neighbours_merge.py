"""The exact kNN graph of one embedding, merged from the blocks of the search."""

from earthdim.estimation.neighbours.stores import merged_store
from earthdim.provenance import job
from earthdim.storage.stores import open_store, save_store

with job(snakemake) as run:
    embeddings = open_store(run.input.embeddings, "embeddings", ["embedding"])
    blocks = [open_store(path, "candidates") for path in run.input.candidates]
    graph = merged_store(embeddings, blocks, run.config, run.log)
    save_store(graph, run.output.store, "neighbours", run.provenance)
