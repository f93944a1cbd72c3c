"""Train one variant, or load or initialise its weights, and publish the checkpoint."""

from earthdim.pretraining.weights import prepare_weights
from earthdim.provenance import job
from earthdim.storage.files import save_checkpoint, write_json, write_table, write_yaml
from earthdim.storage.stores import lonlat, open_store

with job(snakemake) as run:
    sources = [open_store(path, "features") for path in run.input.features]
    features = {store.attrs["source"]: store["feature"].values for store in sources}
    locations = [lonlat(open_store(path, "points")) for path in run.input.points]
    made = prepare_weights(run.config, features, *locations, log=run.log.info)
    write_yaml(run.whole_config, run.output.config)
    write_table(made.curve.assign(variant=run.wildcards.variant), run.output.curve)
    write_json(made.summary, run.output.summary)
    save_checkpoint(made.state, run.output.checkpoint, run.provenance)
