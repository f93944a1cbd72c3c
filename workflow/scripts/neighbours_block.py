"""One part of the search for the kNN graph of one embedding."""

import xarray as xr

from earthdim import provenance
from earthdim.estimation.neighbours import Candidates, candidates, prepare
from earthdim.jobs import runtime
from earthdim.omissions import OmittedError
from earthdim.storage import stores

job = snakemake.params.job
config = job["config"]
block = int(snakemake.wildcards.block)
names = f"{snakemake.wildcards.variant} {snakemake.wildcards.points} {block}"
log = runtime.begin(snakemake.rule, names, snakemake.log[0], job)
embeddings = stores.open_store(snakemake.input.embeddings, "embeddings", ["embedding"])
memory = config["memory_mb"] * 2**20
try:
    points = prepare(embeddings["embedding"].values).points
    k = min(config["k"], len(points) - 2)
    found = candidates(points, k, block, config["blocks"], memory, config["device"])
except OmittedError as error:
    found = Candidates.empty()
    log.warning("there is no graph: %s", error)
store = xr.Dataset(
    {
        "index": (("point", "candidate"), found.index),
        "rank": (("point", "candidate"), found.rank),
        "beyond": ("point", found.beyond),
    }
)
stores.save_store(store, snakemake.output.store, "candidates", runtime.provenance(job))
log.info("part %d of %d, %d candidates of each point", block + 1, config["blocks"], found.rank.shape[1])
provenance.write(snakemake, job)
