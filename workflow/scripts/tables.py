"""Gather every variant's rows into the experiment's tables."""

from earthdim import artefacts, runtime, tables

job = snakemake.params.job
log = runtime.begin(snakemake.rule, snakemake.wildcards.experiment, snakemake.log[0], job)
facts = job["config"]["variants"]
summaries = [artefacts.read_json(path) for path in snakemake.input.summaries]
dimensions = [
    artefacts.read_table(path) for path in (*snakemake.input.dimensions, *snakemake.input.activations)
]
probes = [artefacts.read_table(path) for path in snakemake.input.probes]
gathered = {
    "variants": tables.variants_table(facts, summaries),
    "dimension": tables.dimension_table(facts, dimensions),
    "probe": tables.probe_table(facts, probes, job["config"]["tasks"]),
}
for kind, table in gathered.items():
    artefacts.write_table(table, snakemake.output[kind], kind)
    log.info("%s: %d rows", kind, len(table))
