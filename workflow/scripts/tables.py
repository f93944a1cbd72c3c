"""Make one of an experiment's tables from rows of its variants, or from another table."""

from pathlib import Path

from earthdim import artefacts, records, runtime
from earthdim.build import target

READERS = {".csv": artefacts.read_table, ".json": artefacts.read_json}


def read(source):
    """Read one file, or each of several."""
    return READERS[Path(source).suffix](source) if isinstance(source, str) else list(map(read, source))


job = snakemake.params.job
kind = snakemake.wildcards.table
log = runtime.begin(snakemake.rule, f"{snakemake.wildcards.experiment} {kind}", snakemake.log[0], job)
inputs = {name: read(source) for name, source in snakemake.input.items()}
table = target(job["config"]["_target_"])(**inputs, **job["config"]["arguments"])
artefacts.write_table(table, snakemake.output[0], kind)
log.info("%d rows", len(table))
records.write(snakemake, job)
