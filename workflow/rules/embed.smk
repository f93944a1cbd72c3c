"""Embeddings of a variant at a point set, shared by all experiments."""


rule embed:
    """Embeddings of one variant at one point set."""
    input:
        checkpoint="<results>/variants/{variant}/checkpoint.safetensors",
        points="<results>/data/points/{points}.zarr",
        own=variant_files,
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
        job=job(slices.embed, "variant"),
    script:
        "../scripts/embed.py"
