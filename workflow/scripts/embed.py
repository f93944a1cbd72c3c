"""Embeddings of one variant at one point set."""

from earthdim.pretraining.embeddings import embeddings_store
from earthdim.provenance import job
from earthdim.storage.files import open_checkpoint
from earthdim.storage.stores import open_store, save_store

with job(snakemake) as run:
    points = open_store(run.input.points, "points")
    embeddings = embeddings_store(run.config, open_checkpoint(run.input.checkpoint), points)
    embeddings = embeddings.assign_attrs(variant=run.wildcards.variant, points=run.wildcards.points)
    save_store(embeddings, run.output.store, "embeddings", run.provenance)
    run.log.info("%d x %d", *embeddings["embedding"].shape)
