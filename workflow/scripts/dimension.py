"""Global and local intrinsic dimension of one embedding."""

from earthdim import omissions, provenance
from earthdim.estimation.measure import empty_map, local_map, measure_embedding, with_radius
from earthdim.estimation.neighbours import Graph
from earthdim.jobs import runtime
from earthdim.storage import stores
from earthdim.storage.files import write_table

job = snakemake.params.job
names = f"{snakemake.wildcards.variant} {snakemake.wildcards.points}"
log = runtime.begin(snakemake.rule, names, snakemake.log[0], job)
config = job["config"]
embeddings = stores.open_store(snakemake.input.embeddings, "embeddings")
neighbours = stores.open_store(snakemake.input.neighbours, "neighbours")
graph = Graph(neighbours["distance"].values, neighbours["index"].values)
rows, pointwise, prepared = measure_embedding(
    embeddings["embedding"].values, lambda _: graph, config["estimators"], config["subsampling"]
)
name = config["local_estimator"]
k = config["estimators"][name]["k"]
# Where the estimator has no value there is no map, which its row's note tells already.
failed = rows["value"].isna()[list(config["estimators"]).index(name)]
lonlat = stores.lonlat(embeddings)
local = empty_map(k) if failed else local_map(prepared, pointwise, lonlat, name, k)
store = embeddings[["lon", "lat"]].isel(point=local.kept)
store["local_dimension"] = ("point", local.value)
store["neighbour_radius_km"] = ("point", local.radius_km)
store.attrs = {"variant": snakemake.wildcards.variant, "estimator": name, "k": k}
stores.save_store(store, snakemake.output.store, "local_dimension", runtime.provenance(job))
rows = local.with_note(with_radius(rows, lonlat, prepared), list(config["estimators"]).index(name)).assign(
    variant=snakemake.wildcards.variant,
    points=snakemake.wildcards.points,
    n=len(embeddings["point"]),
    replicate=config["replicate"],
    space="embedding",
)
write_table(rows.assign(task="", split="", head=""), snakemake.output.table)
omissions.warn(log, rows)
log.info("%s", ", ".join(f"{row.estimator} {row.value:.2f}" for row in omissions.measured(rows).itertuples()))
provenance.write(snakemake, job)
