"""Write down the whole resolved experiment; jobs get the slices of it that they need."""

from earthdim import provenance
from earthdim.jobs import runtime
from earthdim.storage.files import write_json

job = snakemake.params.job
log = runtime.begin(snakemake.rule, snakemake.wildcards.experiment, snakemake.log[0], job)
experiment = job["config"]["experiment"]
write_json(experiment, snakemake.output[0])
log.info("%d variants", len(experiment["variants"]))
provenance.write(snakemake, job)
