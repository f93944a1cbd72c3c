"""Print the origin of one row of a table, or of one variant."""

from earthdim.jobs import runtime
from earthdim.provenance import trace
from earthdim.storage.files import read_json

job = snakemake.params.job
config = job["config"]
runtime.begin(snakemake.rule, config["experiment"], snakemake.log[0], job)
print(trace.describe(config["question"], read_json(trace.resolved_path(config["experiment"]))))
