"""Estimators that are too costly for a whole sample, on its first points."""

from earthdim import artefacts, records, runtime
from earthdim.estimators import Evidence
from earthdim.measure import graph_depth, measure, with_radius
from earthdim.neighbours import knn, prepare

job = snakemake.params.job
where = {"variant": snakemake.wildcards.variant, "points": snakemake.wildcards.points}
log = runtime.begin(snakemake.rule, " ".join(where.values()), snakemake.log[0], job)
config = job["config"]
embeddings = artefacts.open_store(snakemake.input.embeddings, "embeddings")
prepared = prepare(embeddings["embedding"].values[: config["n"]])
evidence = Evidence(prepared, knn(prepared.points, graph_depth(config["estimators"])))
rows, _ = measure(evidence, config["estimators"])
beside = {"n": config["n"], "replicate": config["replicate"], "space": "embedding"}
rows = with_radius(rows, artefacts.lonlat(embeddings)[prepared.kept]).assign(
    **where, **beside, task="", split="", head=""
)
artefacts.write_table(rows, snakemake.output.table)
log.info("%s", ", ".join(f"{row.estimator} {row.value:.2f}" for row in rows.itertuples()))
records.write(snakemake, job)
