"""Embeddings of a variant at a point set, shared by every experiment that names them."""


rule embed:
    """One variant's embeddings at one point set."""
    input:
        checkpoint="<results>/variants/{variant}/checkpoint.safetensors",
        points="<results>/data/points/{points}.zarr",
        own=own_files,
    output:
        store=directory("<results>/variants/{variant}/{points}/embeddings.zarr"),
        manifest="<results>/variants/{variant}/{points}/embeddings.json",
    log:
        "<results>/logs/embed/{variant}/{points}.log",
    benchmark:
        "<results>/benchmarks/embed/{variant}/{points}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=embed_job,
    script:
        "../scripts/embed.py"
