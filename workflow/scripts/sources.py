"""List the experiment's data sets with source, licence and citation."""

import pandas as pd

from earthdim import provenance
from earthdim.jobs import runtime
from earthdim.storage.files import write_table

job = snakemake.params.job
log = runtime.begin(snakemake.rule, snakemake.wildcards.experiment, snakemake.log[0], job)
rows = [{"dataset": name, **about} for name, about in job["config"]["datasets"].items()]
write_table(pd.DataFrame(rows), snakemake.output[0])
log.info("%d data sets", len(rows))
provenance.write(snakemake, job)
