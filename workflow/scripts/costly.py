"""Estimators that are too costly for a whole sample, on its first points."""

from earthdim import artefacts, misfits, records, runtime
from earthdim.measure import graph_depth, measure_embedding, with_radius
from earthdim.neighbours import knn

job = snakemake.params.job
where = {"variant": snakemake.wildcards.variant, "points": snakemake.wildcards.points}
log = runtime.begin(snakemake.rule, " ".join(where.values()), snakemake.log[0], job)
config = job["config"]
embeddings = artefacts.open_store(snakemake.input.embeddings, "embeddings")
rows, _, prepared = measure_embedding(
    embeddings["embedding"].values[: config["n"]],
    lambda found: knn(found.points, min(graph_depth(config["estimators"]), len(found.points) - 2)),
    config["estimators"],
)
beside = {"n": config["n"], "replicate": config["replicate"], "space": "embedding"}
rows = with_radius(rows, artefacts.lonlat(embeddings), prepared).assign(
    **where, **beside, task="", split="", head=""
)
artefacts.write_table(rows, snakemake.output.table)
misfits.warn(log, rows)
log.info("%s", ", ".join(f"{row.estimator} {row.value:.2f}" for row in misfits.measured(rows).itertuples()))
records.write(snakemake, job)
