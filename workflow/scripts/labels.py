"""Labels of one task at one point set."""

import xarray as xr

from earthdim import provenance
from earthdim.build import build
from earthdim.jobs import runtime
from earthdim.probing.tasks.labelling import labels_at
from earthdim.storage import stores

BESIDE = ("about", "kind", "dataset", "leaked_by", "leaked_in_part_by")

job = snakemake.params.job
log = runtime.begin(
    snakemake.rule, f"{snakemake.wildcards.task} {snakemake.wildcards.points}", snakemake.log[0], job
)
leaf = job["config"]["task"]
task = build({key: value for key, value in leaf.items() if key not in BESIDE})
points = stores.open_store(snakemake.input.points, "points")
dataset = stores.open_store(snakemake.input.dataset, "dataset")
values, lacking = labels_at(task, stores.lonlat(points), dataset, everywhere=job["config"]["everywhere"])
label = {} if values is None else {"label": ("point", values, leaf["about"])}
labels = xr.Dataset(label, coords={"point": points["point"]})
labels.attrs = {"task": snakemake.wildcards.task, "kind": leaf["kind"], "without_label": lacking}
stores.save_store(labels, snakemake.output.store, "labels", runtime.provenance(job))
log.info("%d points, %d of them without a label", len(points["point"]), lacking)
provenance.write(snakemake, job)
