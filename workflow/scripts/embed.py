"""Embed one point set with one variant's encoder."""

from earthdim import provenance
from earthdim.jobs import runtime
from earthdim.pretraining.weights import restore_encoder
from earthdim.storage import stores
from earthdim.storage.files import open_checkpoint

job = snakemake.params.job
log = runtime.begin(
    snakemake.rule, f"{snakemake.wildcards.variant} {snakemake.wildcards.points}", snakemake.log[0], job
)
points = stores.open_store(snakemake.input.points, "points")
encoder = restore_encoder(job["config"], open_checkpoint(snakemake.input.checkpoint))
embedding = encoder.embed(stores.lonlat(points))
embeddings = points.assign(embedding=(("point", "feature"), embedding))
embeddings.attrs = {"variant": snakemake.wildcards.variant, "points": snakemake.wildcards.points}
stores.save_store(embeddings, snakemake.output.store, "embeddings", runtime.provenance(job))
log.info("%d x %d", *embedding.shape)
provenance.write(snakemake, job)
