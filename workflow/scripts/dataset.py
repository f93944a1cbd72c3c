"""Read one packaged data set and publish it."""

from earthdim import artefacts, records, runtime
from earthdim.build import build

job = snakemake.params.job
log = runtime.begin(snakemake.rule, snakemake.wildcards.dataset, snakemake.log[0], job)
leaf = {key: value for key, value in job["config"].items() if key not in ("about", "math_threads")}
dataset = build(leaf).assign_attrs(job["config"]["about"])
artefacts.save_store(dataset, snakemake.output.store, "dataset", runtime.provenance(job))
log.info("%s", dict(dataset.sizes))
records.write(snakemake, job)
