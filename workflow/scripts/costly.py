"""Estimators that are too costly for a whole sample, on its first points."""

from earthdim import omissions, provenance
from earthdim.estimation.measure import graph_depth, measure_embedding, with_radius
from earthdim.estimation.neighbours import knn
from earthdim.jobs import runtime
from earthdim.storage import stores
from earthdim.storage.files import write_table

job = snakemake.params.job
where = {"variant": snakemake.wildcards.variant, "points": snakemake.wildcards.points}
log = runtime.begin(snakemake.rule, " ".join(where.values()), snakemake.log[0], job)
config = job["config"]
embeddings = stores.open_store(snakemake.input.embeddings, "embeddings")
rows, _, prepared = measure_embedding(
    embeddings["embedding"].values[: config["n"]],
    lambda found: knn(found.points, min(graph_depth(config["estimators"]), len(found.points) - 2)),
    config["estimators"],
)
beside = {"n": config["n"], "replicate": config["replicate"], "space": "embedding"}
rows = with_radius(rows, stores.lonlat(embeddings), prepared).assign(
    **where, **beside, task="", split="", head=""
)
write_table(rows, snakemake.output.table)
omissions.warn(log, rows)
log.info("%s", ", ".join(f"{row.estimator} {row.value:.2f}" for row in omissions.measured(rows).itertuples()))
provenance.write(snakemake, job)
