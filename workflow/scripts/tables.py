"""One of the experiment's tables, from the rows of its variants or from another table."""

from earthdim.build import target
from earthdim.provenance import job
from earthdim.storage.files import read, write_table

with job(snakemake) as run:
    inputs = {name: read(paths) for name, paths in run.input.items()}
    table = target(run.config["_target_"])(**inputs, **run.config["arguments"])
    write_table(table, run.output[0], run.wildcards.table)
    run.log.info("%d rows", len(table))
