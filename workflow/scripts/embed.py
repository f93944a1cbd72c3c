"""Embed one point set with one variant's encoder."""

from earthdim import artefacts, records, runtime
from earthdim.variants import restore

job = snakemake.params.job
log = runtime.begin(
    snakemake.rule, f"{snakemake.wildcards.variant} {snakemake.wildcards.points}", snakemake.log[0], job
)
points = artefacts.open_store(snakemake.input.points, "points")
encoder = restore(job["config"], artefacts.open_checkpoint(snakemake.input.checkpoint))
embedding = encoder.embed(artefacts.lonlat(points))
embeddings = points.assign(embedding=(("point", "feature"), embedding))
embeddings.attrs = {"variant": snakemake.wildcards.variant, "points": snakemake.wildcards.points}
artefacts.save_store(embeddings, snakemake.output.store, "embeddings", runtime.provenance(job))
log.info("%d x %d", *embedding.shape)
records.write(snakemake, job)
