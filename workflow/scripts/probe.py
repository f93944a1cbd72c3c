"""Scores of all tasks, splits and heads of one variant, and the dimension of the heads' activations."""

from earthdim.estimation.embeddings import activations
from earthdim.omissions import warn
from earthdim.probing.embeddings import probe_embeddings
from earthdim.provenance import job
from earthdim.storage.files import write_table
from earthdim.storage.stores import open_store

with job(snakemake) as run:
    embeddings = open_store(run.input.embeddings, "embeddings")
    labels = [open_store(path, "labels") for path in run.input.labels]
    result = probe_embeddings(embeddings, labels, run.config, run.log)
    rows = activations(embeddings, result.activations, result.places, run.config)
    write_table(result.rows, run.output.probe)
    write_table(rows, run.output.activation)
    write_table(result.left_out, run.output.left_out)
    warn(run.log, rows)
