"""Features of one source at the training locations."""

from earthdim.pretraining.modalities.stores import features_store
from earthdim.provenance import job
from earthdim.storage.stores import open_store, save_store

with job(snakemake) as run:
    points = open_store(run.input.points, "points")
    features = features_store(run.config, points, open_store(run.input.dataset, "dataset"))
    save_store(features, run.output.store, "features", run.provenance)
    run.log.info("%d x %d", *features["feature"].shape)
