"""The exact local rank of one variant's encoder at the first points of a sample."""

from earthdim import omissions, provenance
from earthdim.estimation.jacobian import empty_summary, local_jacobian, summarise
from earthdim.jobs import runtime
from earthdim.pretraining.weights import restore_encoder
from earthdim.storage import stores
from earthdim.storage.files import open_checkpoint, write_table

job = snakemake.params.job
where = {"variant": snakemake.wildcards.variant, "points": snakemake.wildcards.points}
log = runtime.begin(snakemake.rule, " ".join(where.values()), snakemake.log[0], job)
config = job["config"]
points = stores.open_store(snakemake.input.points, "points")
encoder = restore_encoder(config["encoder"], open_checkpoint(snakemake.input.checkpoint))
try:
    rows = summarise(local_jacobian(encoder, stores.lonlat(points)[: config["n"]]))
except omissions.MisfitError as error:
    rows = empty_summary(error)
write_table(rows.assign(**where, n=config["n"]), snakemake.output.table)
omissions.warn(log, rows)
log.info("%s", ", ".join(f"{row.estimator} {row.value:.3f}" for row in omissions.measured(rows).itertuples()))
provenance.write(snakemake, job)
