"""Draw one point set."""

import numpy as np
import xarray as xr

from earthdim import provenance
from earthdim.build import build, target
from earthdim.data.datasets.landmask import is_land
from earthdim.jobs import runtime
from earthdim.storage import stores

# What a leaf says beside the arguments of its sampler.
BESIDE = ("_target_", "kind", "n", "seed", "replicate", "dataset", "math_threads")

job = snakemake.params.job
log = runtime.begin(snakemake.rule, snakemake.wildcards.points, snakemake.log[0], job)
leaf = job["config"]
arguments = {key: value for key, value in leaf.items() if key not in BESIDE}
if "inside" in arguments:
    regions = stores.open_store(snakemake.input.dataset, "dataset")
    arguments["inside"] = build(arguments["inside"], dataset=regions)
rng = np.random.default_rng([leaf["seed"], leaf["replicate"]])
lonlat = target(leaf["_target_"])(
    leaf["n"], rng, is_land(stores.open_store(snakemake.input.land, "dataset")), **arguments
)
points = xr.Dataset(
    {
        "lon": ("point", lonlat[:, 0], {"units": "degrees_east", "standard_name": "longitude"}),
        "lat": ("point", lonlat[:, 1], {"units": "degrees_north", "standard_name": "latitude"}),
    },
    coords={"point": ("point", np.arange(len(lonlat)), {"long_name": "place in the draw"})},
)
stores.save_store(points, snakemake.output.store, "points", runtime.provenance(job))
log.info("%d points", len(lonlat))
provenance.write(snakemake, job)
