"""Make one of an experiment's tables from rows of its variants, or from another table."""

from pathlib import Path

from earthdim import provenance
from earthdim.build import target
from earthdim.jobs import runtime
from earthdim.storage.files import read_json, read_table, write_table

READERS = {".csv": read_table, ".json": read_json}


def read(source):
    """Read one file, or each of several."""
    return READERS[Path(source).suffix](source) if isinstance(source, str) else list(map(read, source))


job = snakemake.params.job
kind = snakemake.wildcards.table
log = runtime.begin(snakemake.rule, f"{snakemake.wildcards.experiment} {kind}", snakemake.log[0], job)
inputs = {name: read(source) for name, source in snakemake.input.items()}
table = target(job["config"]["_target_"])(**inputs, **job["config"]["arguments"])
write_table(table, snakemake.output[0], kind)
log.info("%d rows", len(table))
provenance.write(snakemake, job)
