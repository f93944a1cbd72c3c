"""Correlation of dimension with performance over trained cells."""

from earthdim.analysis.claims import left_out_numbers
from earthdim.analysis.correlation import correlate, per_family, summary
from earthdim.provenance import job
from earthdim.storage.files import read_table, write_table

with job(snakemake) as run:
    *tables, left_out = [read_table(path) for path in run.input]
    correlation = correlate(*tables, run.config, left_out_numbers(left_out, run.log))
    write_table(correlation, run.output.correlation, "correlation")
    write_table(per_family(*tables, run.config), run.output.families, "correlation_families")
    write_table(summary(correlation), run.output.summary, "correlation_summary")
    run.log.info("%d rows", len(correlation))
