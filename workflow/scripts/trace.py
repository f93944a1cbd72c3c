"""Print how one row of a table, or one variant, was made."""

from earthdim.jobs.runtime import job
from earthdim.provenance import trace
from earthdim.storage.files import read_json

with job(snakemake, snakemake.params.job["config"]["experiment"]) as run:
    experiment = read_json(trace.resolved_path(run.config["experiment"]))
    print(trace.describe(run.config["question"], experiment))
