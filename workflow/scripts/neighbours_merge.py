"""The exact kNN graph of one embedding, from the parts that several jobs searched."""

import xarray as xr

from earthdim import artefacts, records, runtime
from earthdim.neighbours import Candidates, merge, prepare

job = snakemake.params.job
log = runtime.begin(
    snakemake.rule, f"{snakemake.wildcards.variant} {snakemake.wildcards.points}", snakemake.log[0], job
)

embeddings = artefacts.open_store(snakemake.input.embeddings, "embeddings", ["embedding"])
prepared = prepare(embeddings["embedding"].values)
stores = [artefacts.open_store(path, "candidates") for path in snakemake.input.candidates]
parts = [Candidates(*(store[name].values for name in ("index", "rank", "beyond"))) for store in stores]
graph = merge(prepared.points, job["config"]["k"], parts)
store = xr.Dataset(
    {"distance": (("point", "k"), graph.distance), "index": (("point", "k"), graph.index)},
    coords={"point": ("point", prepared.kept)},
)
artefacts.save_store(store, snakemake.output.store, "neighbours", runtime.provenance(job))
log.info("%d points, %d duplicates dropped", len(prepared.kept), prepared.duplicates_dropped)
records.write(snakemake, job)
