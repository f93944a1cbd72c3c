"""Frozen features of one source at the training locations."""

import xarray as xr

from earthdim import artefacts, records, runtime
from earthdim.build import build

job = snakemake.params.job
log = runtime.begin(snakemake.rule, snakemake.wildcards.features, snakemake.log[0], job)
source = build(job["config"]["source"])
points = artefacts.open_store(snakemake.input.points, "points")
dataset = artefacts.open_store(snakemake.input.dataset, "dataset")
values = source.features(dataset, artefacts.lonlat(points))
features = xr.Dataset({"feature": (("point", "width"), values)}, coords={"point": points["point"]})
features.attrs["source"] = job["config"]["name"]
artefacts.save_store(features, snakemake.output.store, "features", runtime.provenance(job))
log.info("%d x %d", *values.shape)
records.write(snakemake, job)
