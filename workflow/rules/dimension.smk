"""Intrinsic dimension: one exact kNN graph per embedding, which all estimators share."""


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
    wildcard_constraints:
        points=queries.one_of(queries.searched_at_once(EXPERIMENT)),
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.neighbours),
    script:
        "../scripts/neighbours.py"


rule neighbours_block:
    """One block of the neighbour search in a large embedding."""
    input:
        embeddings="<results>/variants/{variant}/{points}/embeddings.zarr",
        manifest="<results>/variants/{variant}/{points}/embeddings.json",
    output:
        store=temp(directory("<results>/variants/{variant}/{points}/candidates-{block}.zarr")),
        manifest=temp("<results>/variants/{variant}/{points}/candidates-{block}.json"),
    log:
        "<results>/logs/neighbours_block/{variant}/{points}/{block}.log",
    benchmark:
        "<results>/benchmarks/neighbours_block/{variant}/{points}/{block}.tsv"
    wildcard_constraints:
        points=queries.one_of(queries.searched_in_blocks(EXPERIMENT)),
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.neighbours_block),
    script:
        "../scripts/neighbours_block.py"


rule neighbours_merge:
    """The exact kNN graph of a large embedding, identical to that of a single search."""
    input:
        embeddings="<results>/variants/{variant}/{points}/embeddings.zarr",
        manifest="<results>/variants/{variant}/{points}/embeddings.json",
        candidates=expand(
            "<results>/variants/{{variant}}/{{points}}/candidates-{block}.zarr",
            block=range(EXPERIMENT.neighbours["blocks"]),
        ),
    output:
        store=directory("<results>/variants/{variant}/{points}/neighbours.zarr"),
        manifest="<results>/variants/{variant}/{points}/neighbours.json",
    log:
        "<results>/logs/neighbours_merge/{variant}/{points}.log",
    benchmark:
        "<results>/benchmarks/neighbours_merge/{variant}/{points}.tsv"
    wildcard_constraints:
        points=queries.one_of(queries.searched_in_blocks(EXPERIMENT)),
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.neighbours_merge),
    script:
        "../scripts/neighbours_merge.py"


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
        job=job(slices.dimension, "points"),
    script:
        "../scripts/dimension.py"


rule scale:
    """Intrinsic dimension at several sample sizes, or on another support."""
    input:
        embeddings="<results>/variants/{variant}/{points}/embeddings.zarr",
        manifest="<results>/variants/{variant}/{points}/embeddings.json",
    output:
        table="<results>/{experiment}/variants/{variant}/{points}/scale.csv",
    log:
        "<results>/logs/scale/{experiment}/{variant}/{points}.log",
    benchmark:
        "<results>/benchmarks/scale/{experiment}/{variant}/{points}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.scale, "points"),
    script:
        "../scripts/scale.py"


rule costly:
    """Estimators too costly for a whole sample, applied to its first points."""
    input:
        embeddings="<results>/variants/{variant}/{points}/embeddings.zarr",
        manifest="<results>/variants/{variant}/{points}/embeddings.json",
    output:
        table="<results>/{experiment}/variants/{variant}/{points}/costly.csv",
    log:
        "<results>/logs/costly/{experiment}/{variant}/{points}.log",
    benchmark:
        "<results>/benchmarks/costly/{experiment}/{variant}/{points}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.costly, "points"),
    script:
        "../scripts/costly.py"


rule jacobian:
    """Exact local rank of one variant's encoder from its Jacobian, independent of sampling density."""
    input:
        checkpoint="<results>/variants/{variant}/checkpoint.safetensors",
        points="<results>/data/points/{points}.zarr",
        own=variant_files,
    output:
        table="<results>/{experiment}/variants/{variant}/{points}/jacobian.csv",
    log:
        "<results>/logs/jacobian/{experiment}/{variant}/{points}.log",
    benchmark:
        "<results>/benchmarks/jacobian/{experiment}/{variant}/{points}.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.jacobian, "variant"),
    script:
        "../scripts/jacobian.py"
