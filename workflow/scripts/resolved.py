"""The whole resolved experiment, as a file."""

from earthdim.provenance import job
from earthdim.storage.files import write_json

with job(snakemake) as run:
    write_json(run.config["experiment"], run.output[0])
    run.log.info("%d variants", len(run.config["experiment"]["variants"]))
