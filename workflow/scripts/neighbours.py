"""The exact kNN graph of one embedding."""

import xarray as xr

from earthdim import artefacts, records, runtime
from earthdim.neighbours import knn, prepare

job = snakemake.params.job
config = job["config"]
log = runtime.begin(
    snakemake.rule, f"{snakemake.wildcards.variant} {snakemake.wildcards.points}", snakemake.log[0], job
)
embeddings = artefacts.open_store(snakemake.input.embeddings, "embeddings", ["embedding"])
prepared = prepare(embeddings["embedding"].values)
graph = knn(prepared.points, config["k"], config["memory_mb"] * 2**20, config["device"])
store = xr.Dataset(
    {"distance": (("point", "k"), graph.distance), "index": (("point", "k"), graph.index)},
    coords={"point": ("point", prepared.kept)},
)
artefacts.save_store(store, snakemake.output.store, "neighbours", runtime.provenance(job))
log.info("%d points, %d duplicates dropped", len(prepared.kept), prepared.duplicates_dropped)
records.write(snakemake, job)
