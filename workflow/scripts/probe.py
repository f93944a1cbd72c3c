"""Probe one variant: all tasks, splits and heads, and the dimension of the heads' activations."""

import pandas as pd

from earthdim import omissions, provenance
from earthdim.build import build
from earthdim.estimation.measure import measure_activations
from earthdim.jobs import runtime
from earthdim.probing.probe import probe
from earthdim.probing.tasks.labelling import partition
from earthdim.storage import stores
from earthdim.storage.files import write_table

job = snakemake.params.job
log = runtime.begin(snakemake.rule, snakemake.wildcards.variant, snakemake.log[0], job)
config = job["config"]
embeddings = stores.open_store(snakemake.input.embeddings, "embeddings")
labelled = [stores.open_store(path, "labels") for path in snakemake.input.labels]
# At points that a variant brings along, a task takes part if it has a label at all of them.
used, lacking = partition(labelled, config["everywhere"])
labels = {store.attrs["task"]: (store.attrs["kind"], store["label"].values) for store in used}
result = probe(
    embeddings["embedding"].values,
    stores.lonlat(embeddings),
    labels,
    {name: build(leaf) for name, leaf in config["splits"].items()},
    {name: build(leaf) for name, leaf in config["heads"].items()},
    config["seed"],
    build(config["intervals"]),
)
((name, estimator),) = config["activation_estimator"].items()
activation = measure_activations(result.activations, result.places, name, estimator)
where = {"variant": snakemake.wildcards.variant, "points": embeddings.attrs["points"]}
write_table(result.rows.assign(**where), snakemake.output.probe)
write_table(
    activation.assign(**where, space="activation", replicate=config["replicate"]), snakemake.output.activation
)
left_out = pd.concat([part for part in (lacking, result.left_out) if len(part)] or [lacking])
write_table(left_out.assign(**where), snakemake.output.left_out)
for row in left_out.itertuples():
    at = ", ".join(
        part for part in (row.task, row.split, row.head) if isinstance(part, str) and part != row.name
    )
    log.warning("the %s %s is left out%s: %s", row.what, row.name, f" of {at}" if at else "", row.reason)
omissions.warn(log, activation)
for row in result.rows[result.rows["primary"]].itertuples():
    log.info("%s, %s, %s: %s %.3f", row.task, row.split, row.head, row.metric, row.value)
provenance.write(snakemake, job)
