"""Embeddings of a variant at point sets, shared by all experiments."""


rule embed:
    """Embeddings of one variant at the point sets of the samples and of the tasks."""
    input:
        checkpoint="<results>/variants/{variant}/checkpoint.safetensors",
        points=expand("<results>/data/points/{points}.zarr", points=TOGETHER),
        own=variant_files,
    output:
        stores=directory(embeddings_of("zarr")),
        manifests=embeddings_of("json"),
    log:
        f"<results>/logs/embed/{{variant}}/{JOINT}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.embed, "variant"),
    script:
        "../scripts/embed.py"


# At any other point set: one of `scale`, or that of a table of embeddings.
use rule embed as embed_alone with:
    input:
        checkpoint="<results>/variants/{variant}/checkpoint.safetensors",
        points=["<results>/data/points/{points}.zarr"],
        own=variant_files,
    output:
        stores=[directory("<results>/variants/{variant}/{points}/embeddings.zarr")],
        manifests=["<results>/variants/{variant}/{points}/embeddings.json"],
    log:
        "<results>/logs/embed_alone/{variant}/{points}.log",
