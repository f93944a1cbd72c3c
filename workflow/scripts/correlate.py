"""Correlation of dimension with performance over trained cells."""

from earthdim import artefacts, runtime
from earthdim.correlate import correlate, per_family, summary

job = snakemake.params.job
log = runtime.begin(snakemake.rule, snakemake.wildcards.experiment, snakemake.log[0], job)
tables = [artefacts.read_table(path) for path in snakemake.input]
correlation = correlate(*tables, job["config"])
artefacts.write_table(correlation, snakemake.output.correlation, "correlation")
artefacts.write_table(per_family(*tables, job["config"]), snakemake.output.families)
artefacts.write_table(summary(correlation), snakemake.output.summary)
log.info("%d rows over %d cells", len(correlation), correlation["n_cells"].max())
