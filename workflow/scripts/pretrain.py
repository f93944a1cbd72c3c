"""Train one variant, or take its weights as they are, and publish the checkpoint."""

from earthdim import provenance
from earthdim.jobs import runtime
from earthdim.pretraining.weights import prepare_weights
from earthdim.storage import stores
from earthdim.storage.files import save_checkpoint, write_json, write_table, write_yaml

job = snakemake.params.job
log = runtime.begin(snakemake.rule, snakemake.wildcards.variant, snakemake.log[0], job)
config = job["config"]
sources = [stores.open_store(path, "features") for path in snakemake.input.features]
features = {store.attrs["source"]: store["feature"].values for store in sources}
lonlat = [stores.lonlat(stores.open_store(path, "points")) for path in snakemake.input.points]
made = prepare_weights(config, features, *lonlat, log=log.info)
write_yaml(config, snakemake.output.config)
write_table(made.curve.assign(variant=snakemake.wildcards.variant), snakemake.output.curve)
write_json(made.summary, snakemake.output.summary)
save_checkpoint(made.state, snakemake.output.checkpoint, runtime.provenance(job))
provenance.write(snakemake, job)
