"""The exact kNN graph of one embedding, from the parts that several jobs searched."""

import numpy as np
import xarray as xr

from earthdim import artefacts, runtime
from earthdim.neighbours import Candidates, merge, prepare

job = snakemake.params.job
log = runtime.begin(
    snakemake.rule, f"{snakemake.wildcards.variant} {snakemake.wildcards.points}", snakemake.log[0], job
)


def part(path):
    """What one job found; its store holds no infinity, which belongs where there was no candidate."""
    store = artefacts.open_store(path, "candidates")
    index = store["index"].values
    return Candidates(index, np.where(index < 0, np.float32(np.inf), store["rank"].values))


embeddings = artefacts.open_store(snakemake.input.embeddings, "embeddings", ["embedding"])
prepared = prepare(embeddings["embedding"].values)
graph = merge(prepared.points, job["config"]["k"], [part(path) for path in snakemake.input.candidates])
store = xr.Dataset(
    {"distance": (("point", "k"), graph.distance), "index": (("point", "k"), graph.index)},
    coords={"point": ("point", prepared.kept)},
)
artefacts.save_store(store, snakemake.output.store, "neighbours", runtime.provenance(job))
log.info("%d points, %d duplicates dropped", len(prepared.kept), prepared.duplicates_dropped)
