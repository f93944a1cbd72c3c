"""Frozen features of one source at the training locations."""

import xarray as xr

from earthdim import provenance
from earthdim.build import build
from earthdim.jobs import runtime
from earthdim.storage import stores

job = snakemake.params.job
log = runtime.begin(snakemake.rule, snakemake.wildcards.features, snakemake.log[0], job)
source = build(job["config"]["source"])
points = stores.open_store(snakemake.input.points, "points")
dataset = stores.open_store(snakemake.input.dataset, "dataset")
values = source.features(dataset, stores.lonlat(points))
features = xr.Dataset({"feature": (("point", "width"), values)}, coords={"point": points["point"]})
features.attrs["source"] = job["config"]["name"]
stores.save_store(features, snakemake.output.store, "features", runtime.provenance(job))
log.info("%d x %d", *values.shape)
provenance.write(snakemake, job)
