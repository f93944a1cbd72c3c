"""Read one packaged data set and publish it."""

from earthdim import provenance
from earthdim.build import build
from earthdim.jobs import runtime
from earthdim.storage import stores

job = snakemake.params.job
log = runtime.begin(snakemake.rule, snakemake.wildcards.dataset, snakemake.log[0], job)
leaf = {key: value for key, value in job["config"].items() if key not in ("about", "math_threads")}
dataset = build(leaf).assign_attrs(job["config"]["about"])
stores.save_store(dataset, snakemake.output.store, "dataset", runtime.provenance(job))
log.info("%s", dict(dataset.sizes))
provenance.write(snakemake, job)
