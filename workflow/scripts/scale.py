"""Dimension of one variant at several numbers of points, or on another support."""

from earthdim import artefacts, misfits, records, runtime
from earthdim.scale import measure_scale

job = snakemake.params.job
where = {"variant": snakemake.wildcards.variant, "points": snakemake.wildcards.points}
log = runtime.begin(snakemake.rule, " ".join(where.values()), snakemake.log[0], job)
config = job["config"]
embeddings = artefacts.open_store(snakemake.input.embeddings, "embeddings")
rows = measure_scale(
    embeddings["embedding"].values,
    artefacts.lonlat(embeddings),
    config["sizes"],
    config["estimators"],
    config["k"],
    config["subsampling"],
)
artefacts.write_table(rows.assign(**where, support=config["support"]), snakemake.output.table)
misfits.warn(log, rows)
found = misfits.measured(rows).itertuples()
log.info("%s", ", ".join(f"{row.estimator} {row.value:.2f} (n = {row.n})" for row in found))
records.write(snakemake, job)
