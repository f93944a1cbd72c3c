"""The experiment's data sets, with source, licence and citation."""

from pandas import DataFrame

from earthdim.provenance import job
from earthdim.storage.files import write_table

with job(snakemake) as run:
    rows = [{"dataset": name, **about} for name, about in run.config["datasets"].items()]
    write_table(DataFrame(rows), run.output[0])
    run.log.info("%d data sets", len(rows))
