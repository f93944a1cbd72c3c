"""The exact kNN graph of one embedding, from the parts that several jobs searched."""

import numpy as np
import xarray as xr

from earthdim import provenance
from earthdim.estimation.neighbours import Candidates, Graph, merge, prepare
from earthdim.jobs import runtime
from earthdim.omissions import OmittedError
from earthdim.storage import stores

job = snakemake.params.job
log = runtime.begin(
    snakemake.rule, f"{snakemake.wildcards.variant} {snakemake.wildcards.points}", snakemake.log[0], job
)

embeddings = stores.open_store(snakemake.input.embeddings, "embeddings", ["embedding"])
candidates = [stores.open_store(path, "candidates") for path in snakemake.input.candidates]
parts = [Candidates(*(store[name].values for name in ("index", "rank", "beyond"))) for store in candidates]
try:
    prepared = prepare(embeddings["embedding"].values)
    graph = merge(prepared.points, min(job["config"]["k"], len(prepared.points) - 2), parts)
    kept = prepared.kept
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
