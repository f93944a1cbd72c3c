"""Correlation of dimension with performance over trained cells, and the verdict of the controls."""

from earthdim.analysis.claims import left_out_numbers
from earthdim.analysis.correlation import correlate, per_family, summary
from earthdim.analysis.gate import verdict
from earthdim.provenance import job
from earthdim.storage.files import read_table, write_table, write_text

with job(snakemake) as run:
    *tables, controls, left_out = [read_table(path) for path in run.input]
    words = verdict(controls, run.config["cell"], run.config["gate"])
    correlation = correlate(*tables, run.config, left_out_numbers(left_out, run.log), controls)
    write_text(f"{words}\n", run.output.verdict)
    write_table(correlation, run.output.correlation, "correlation")
    write_table(per_family(*tables, run.config, controls), run.output.families, "correlation_families")
    write_table(summary(correlation), run.output.summary, "correlation_summary")
    run.log.info("%d rows; %s", len(correlation), words)
