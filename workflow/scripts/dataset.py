"""One packaged data set, as a store."""

from earthdim.build import build
from earthdim.provenance import job
from earthdim.storage.stores import save_store

with job(snakemake) as run:
    about = run.config.pop("about")
    dataset = build(run.config).assign_attrs(about)
    save_store(dataset, run.output.store, "dataset", run.provenance)
    run.log.info("%s", dict(dataset.sizes))
