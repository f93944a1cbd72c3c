"""Write down the whole resolved experiment; jobs get the slices of it that they need."""

from earthdim import artefacts, records, runtime

job = snakemake.params.job
log = runtime.begin(snakemake.rule, snakemake.wildcards.experiment, snakemake.log[0], job)
experiment = job["config"]["experiment"]
artefacts.write_json(experiment, snakemake.output[0])
log.info("%d variants", len(experiment["variants"]))
records.write(snakemake, job)
