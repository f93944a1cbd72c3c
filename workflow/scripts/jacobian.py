"""The exact local rank of one variant's encoder at the first points of a sample."""

from earthdim.estimation.jacobian import jacobian_rows
from earthdim.omissions import log_rows
from earthdim.pretraining.weights import restore_encoder
from earthdim.provenance import job
from earthdim.storage.files import open_checkpoint, write_table
from earthdim.storage.stores import lonlat, open_store

with job(snakemake) as run:
    n = run.config["n"]
    points = lonlat(open_store(run.input.points, "points"))[:n]
    rows = jacobian_rows(
        restore_encoder(run.config["encoder"], open_checkpoint(run.input.checkpoint)), points
    )
    rows = rows.assign(variant=run.wildcards.variant, points=run.wildcards.points, n=n)
    write_table(rows, run.output.table)
    log_rows(run.log, rows, "{0.estimator} {0.value:.3f}")
