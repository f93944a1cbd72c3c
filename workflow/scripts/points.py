"""One replicate of a sample."""

from earthdim.data.samples.stores import points_store
from earthdim.provenance import job
from earthdim.storage.stores import open_store, save_store

with job(snakemake) as run:
    land = open_store(run.input.land, "dataset")
    regions = open_store(run.input.dataset, "dataset") if "inside" in run.config["build"] else None
    points = points_store(run.config, land, regions)
    save_store(points, run.output.store, "points", run.provenance)
    run.log.info("%d points", points.sizes["point"])
