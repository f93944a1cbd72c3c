"""Intrinsic dimension: one exact graph for each embedding, every estimator from it."""


rule neighbours:
    """The exact kNN graph of one embedding."""
    input:
        embeddings="<results>/variants/{variant}/{points}/embeddings.zarr",
        manifest="<results>/variants/{variant}/{points}/embeddings.json",
    output:
        store=directory("<results>/variants/{variant}/{points}/neighbours.zarr"),
        manifest="<results>/variants/{variant}/{points}/neighbours.json",
    log:
        "<results>/logs/neighbours/{variant}/{points}.log",
    benchmark:
        "<results>/benchmarks/neighbours/{variant}/{points}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=neighbours_job,
    script:
        "../scripts/neighbours.py"


rule dimension:
    """Global and local intrinsic dimension of one embedding."""
    input:
        embeddings="<results>/variants/{variant}/{points}/embeddings.zarr",
        neighbours="<results>/variants/{variant}/{points}/neighbours.zarr",
        manifest="<results>/variants/{variant}/{points}/neighbours.json",
    output:
        table="<results>/{experiment}/variants/{variant}/{points}/dimension.csv",
        store=directory("<results>/{experiment}/variants/{variant}/{points}/local_dimension.zarr"),
        manifest="<results>/{experiment}/variants/{variant}/{points}/local_dimension.json",
    log:
        "<results>/logs/dimension/{experiment}/{variant}/{points}.log",
    benchmark:
        "<results>/benchmarks/dimension/{experiment}/{variant}/{points}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=dimension_job,
    script:
        "../scripts/dimension.py"
