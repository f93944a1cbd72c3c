"""The exact kNN graph of one embedding."""

import numpy as np
import xarray as xr

from earthdim import provenance
from earthdim.estimation.neighbours import Graph, knn, prepare
from earthdim.jobs import runtime
from earthdim.omissions import OmittedError
from earthdim.storage import stores

job = snakemake.params.job
config = job["config"]
log = runtime.begin(
    snakemake.rule, f"{snakemake.wildcards.variant} {snakemake.wildcards.points}", snakemake.log[0], job
)
embeddings = stores.open_store(snakemake.input.embeddings, "embeddings", ["embedding"])
try:
    prepared = prepare(embeddings["embedding"].values)
    k = min(config["k"], len(prepared.points) - 2)
    graph, kept = knn(prepared.points, k, config["memory_mb"] * 2**20, config["device"]), prepared.kept
    log.info("%d points, %d duplicates dropped", len(kept), prepared.duplicates_dropped)
except OmittedError as error:
    graph, kept = Graph.empty(), []
    log.warning("there is no graph: %s", error)
store = xr.Dataset(
    {"distance": (("point", "k"), graph.distance), "index": (("point", "k"), graph.index)},
    coords={"point": ("point", np.asarray(kept, dtype=np.int64))},
)
stores.save_store(store, snakemake.output.store, "neighbours", runtime.provenance(job))
provenance.write(snakemake, job)
