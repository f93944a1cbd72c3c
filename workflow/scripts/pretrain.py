"""Train one variant, or take its weights as they are, and publish the checkpoint."""

from earthdim import artefacts, records, runtime
from earthdim.variants import make

job = snakemake.params.job
log = runtime.begin(snakemake.rule, snakemake.wildcards.variant, snakemake.log[0], job)
config = job["config"]
stores = [artefacts.open_store(path, "features") for path in snakemake.input.features]
features = {store.attrs["source"]: store["feature"].values for store in stores}
lonlat = [artefacts.lonlat(artefacts.open_store(path, "points")) for path in snakemake.input.points]
made = make(config, features, *lonlat, log=log.info)
artefacts.write_yaml(config, snakemake.output.config)
artefacts.write_table(made.curve.assign(variant=snakemake.wildcards.variant), snakemake.output.curve)
artefacts.write_json(made.summary, snakemake.output.summary)
artefacts.save_checkpoint(made.state, snakemake.output.checkpoint, runtime.provenance(job))
records.write(snakemake, job)
