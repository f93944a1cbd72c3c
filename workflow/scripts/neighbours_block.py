"""One part of the search for the kNN graph of one embedding."""

import numpy as np
import xarray as xr

from earthdim import artefacts, runtime
from earthdim.neighbours import candidates, prepare

job = snakemake.params.job
config = job["config"]
block = int(snakemake.wildcards.block)
names = f"{snakemake.wildcards.variant} {snakemake.wildcards.points} {block}"
log = runtime.begin(snakemake.rule, names, snakemake.log[0], job)
embeddings = artefacts.open_store(snakemake.input.embeddings, "embeddings", ["embedding"])
points = prepare(embeddings["embedding"].values).points
memory = config["memory_mb"] * 2**20
found = candidates(points, config["k"], block, config["blocks"], memory, config["device"])
# Where there was no candidate the index says so; a store holds no infinity.
rank = np.where(found.index < 0, np.float32(0), found.rank)
store = xr.Dataset({"index": (("point", "candidate"), found.index), "rank": (("point", "candidate"), rank)})
artefacts.save_store(store, snakemake.output.store, "candidates", runtime.provenance(job))
log.info("part %d of %d, %d candidates of each point", block + 1, config["blocks"], rank.shape[1])
