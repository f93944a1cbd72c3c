"""Labels of one task at one point set."""

from earthdim.probing.tasks.stores import labels_store
from earthdim.provenance import job
from earthdim.storage.stores import open_store, save_store

with job(snakemake) as run:
    points, dataset = open_store(run.input.points, "points"), open_store(run.input.dataset, "dataset")
    task, everywhere = run.config["task"], run.config["everywhere"]
    labels = labels_store(run.wildcards.task, task, points, dataset, everywhere)
    save_store(labels, run.output.store, "labels", run.provenance)
    run.log.info(
        "%d points, %d of them without a label", labels.sizes["point"], labels.attrs["without_label"]
    )
