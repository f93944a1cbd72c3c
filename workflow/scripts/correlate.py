"""Correlation of dimension with performance over trained cells."""

from earthdim import provenance
from earthdim.analysis.correlation import correlate, per_family, summary
from earthdim.jobs import runtime
from earthdim.storage.files import read_table, write_table

job = snakemake.params.job
log = runtime.begin(snakemake.rule, snakemake.wildcards.experiment, snakemake.log[0], job)
settings = {key: value for key, value in job["config"].items() if key != "math_threads"}
*tables, left_out = [read_table(path) for path in snakemake.input]
claims = left_out[left_out["what"] == "claim"]
for row in claims.itertuples():
    log.warning("%s is left out: %s", row.name, row.reason)
passed_over = [int(name.rpartition(".")[2]) for name in claims["name"]]
correlation = correlate(*tables, settings, passed_over)
write_table(correlation, snakemake.output.correlation, "correlation")
write_table(per_family(*tables, settings), snakemake.output.families)
write_table(summary(correlation), snakemake.output.summary)
log.info("%d rows", len(correlation))
provenance.write(snakemake, job)
