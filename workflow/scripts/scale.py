"""Dimension of one variant at several numbers of points, or on another support."""

from earthdim import omissions, provenance
from earthdim.estimation.scale import measure_scale
from earthdim.jobs import runtime
from earthdim.storage import stores
from earthdim.storage.files import write_table

job = snakemake.params.job
where = {"variant": snakemake.wildcards.variant, "points": snakemake.wildcards.points}
log = runtime.begin(snakemake.rule, " ".join(where.values()), snakemake.log[0], job)
config = job["config"]
embeddings = stores.open_store(snakemake.input.embeddings, "embeddings")
rows = measure_scale(
    embeddings["embedding"].values,
    stores.lonlat(embeddings),
    config["sizes"],
    config["estimators"],
    config["k"],
    config["subsampling"],
)
write_table(rows.assign(**where, support=config["support"]), snakemake.output.table)
omissions.warn(log, rows)
found = omissions.measured(rows).itertuples()
log.info("%s", ", ".join(f"{row.estimator} {row.value:.2f} (n = {row.n})" for row in found))
provenance.write(snakemake, job)
