"""Embeddings of one variant at one or several point sets."""

from pathlib import Path

from earthdim.pretraining.embeddings import embeddings_store
from earthdim.pretraining.weights import restore_encoder
from earthdim.provenance import job
from earthdim.storage.files import open_checkpoint
from earthdim.storage.stores import open_store, save_store

with job(snakemake) as run:
    encoder = restore_encoder(run.config, open_checkpoint(run.input.checkpoint))
    for path, store in zip(run.input.points, run.output.stores, strict=True):
        embeddings = embeddings_store(encoder, open_store(path, "points"))
        named = embeddings.assign_attrs(variant=run.wildcards.variant, points=Path(path).stem)
        save_store(named, store, "embeddings", run.provenance)
        run.log.info("%d x %d at %s", *embeddings["embedding"].shape, Path(path).stem)
