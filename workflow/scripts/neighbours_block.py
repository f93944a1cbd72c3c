"""One block of the search for the kNN graph of one embedding."""

from earthdim.estimation.neighbours.stores import candidates_store
from earthdim.provenance import job
from earthdim.storage.stores import open_store, save_store

with job(snakemake) as run:
    embeddings = open_store(run.input.embeddings, "embeddings", ["embedding"])
    candidates = candidates_store(embeddings, int(run.wildcards.block), run.config, run.log)
    save_store(candidates, run.output.store, "candidates", run.provenance)
