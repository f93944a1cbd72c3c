"""Tell what made one row of a table, or one variant."""

from earthdim import artefacts, runtime
from earthdim.records import tracing

job = snakemake.params.job
config = job["config"]
runtime.begin(snakemake.rule, config["experiment"], snakemake.log[0], job)
print(tracing.told(config["question"], artefacts.read_json(tracing.resolved_path(config["experiment"]))))
