"""The exact local rank of one variant's encoder at the first points of a sample."""

from earthdim import artefacts, misfits, records, runtime
from earthdim.jacobian import local_jacobian, summarise, without
from earthdim.variants import restore

job = snakemake.params.job
where = {"variant": snakemake.wildcards.variant, "points": snakemake.wildcards.points}
log = runtime.begin(snakemake.rule, " ".join(where.values()), snakemake.log[0], job)
config = job["config"]
points = artefacts.open_store(snakemake.input.points, "points")
encoder = restore(config["encoder"], artefacts.open_checkpoint(snakemake.input.checkpoint))
try:
    rows = summarise(local_jacobian(encoder, artefacts.lonlat(points)[: config["n"]]))
except misfits.MisfitError as error:
    rows = without(error)
artefacts.write_table(rows.assign(**where, n=config["n"]), snakemake.output.table)
misfits.warn(log, rows)
log.info("%s", ", ".join(f"{row.estimator} {row.value:.3f}" for row in misfits.measured(rows).itertuples()))
records.write(snakemake, job)
