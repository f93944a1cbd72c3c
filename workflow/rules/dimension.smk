"""Intrinsic dimension: one exact kNN graph per embedding, which all estimators share.

The job that estimates the dimension searches the graph. In large embeddings, several jobs search a block each; their graph
is shared by all experiments, as the embeddings are.
"""


rule neighbours_block:
    """One block of the neighbour search in a large embedding."""
    input:
        embeddings="<results>/variants/{variant}/{at}/embeddings.zarr",
        manifest="<results>/variants/{variant}/{at}/embeddings.json",
    output:
        store=temp(directory("<results>/variants/{variant}/{at}/candidates-{block}.zarr")),
        manifest=temp("<results>/variants/{variant}/{at}/candidates-{block}.json"),
    log:
        "<results>/logs/neighbours_block/{variant}/{at}/{block}.log",
    wildcard_constraints:
        at=queries.one_of(map(embedded_at, queries.searched_in_blocks(EXPERIMENT))),
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.neighbours_block),
    script:
        "../scripts/neighbours_block.py"


rule neighbours_merge:
    """The exact kNN graph of a large embedding, identical to that of a single search."""
    input:
        embeddings="<results>/variants/{variant}/{at}/embeddings.zarr",
        manifest="<results>/variants/{variant}/{at}/embeddings.json",
        candidates=expand(
            "<results>/variants/{{variant}}/{{at}}/candidates-{block}.zarr",
            block=range(EXPERIMENT.neighbours["blocks"]),
        ),
    output:
        store=directory("<results>/variants/{variant}/{at}/neighbours.zarr"),
        manifest="<results>/variants/{variant}/{at}/neighbours.json",
    log:
        "<results>/logs/neighbours_merge/{variant}/{at}.log",
    wildcard_constraints:
        at=queries.one_of(map(embedded_at, queries.searched_in_blocks(EXPERIMENT))),
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.neighbours_merge),
    script:
        "../scripts/neighbours_merge.py"


rule dimension:
    """Global and local intrinsic dimension of one embedding, and its exact kNN graph."""
    input:
        unpack(embedded),
    output:
        table="<results>/{experiment}/variants/{variant}/{points}/dimension.csv",
        store=directory("<results>/{experiment}/variants/{variant}/{points}/local_dimension.zarr"),
        manifest="<results>/{experiment}/variants/{variant}/{points}/local_dimension.json",
        neighbours=directory("<results>/{experiment}/variants/{variant}/{points}/neighbours.zarr"),
        graph="<results>/{experiment}/variants/{variant}/{points}/neighbours.json",
    log:
        "<results>/logs/dimension/{experiment}/{variant}/{points}.log",
    wildcard_constraints:
        points=queries.one_of(queries.searched_at_once(EXPERIMENT)),
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.dimension, "points"),
    script:
        "../scripts/dimension.py"


# Of a large embedding, whose graph is an input.
use rule dimension as dimension_of_graph with:
    input:
        unpack(searched),
    output:
        table="<results>/{experiment}/variants/{variant}/{points}/dimension.csv",
        store=directory("<results>/{experiment}/variants/{variant}/{points}/local_dimension.zarr"),
        manifest="<results>/{experiment}/variants/{variant}/{points}/local_dimension.json",
    wildcard_constraints:
        points=queries.one_of(queries.searched_in_blocks(EXPERIMENT)),


rule scale:
    """Intrinsic dimension at several sample sizes, or on another support."""
    input:
        unpack(embedded),
    output:
        table="<results>/{experiment}/variants/{variant}/{points}/scale.csv",
    log:
        "<results>/logs/scale/{experiment}/{variant}/{points}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.scale, "points"),
    script:
        "../scripts/scale.py"


rule costly:
    """Estimators too costly for a whole sample, applied to its first points."""
    input:
        unpack(embedded),
    output:
        table="<results>/{experiment}/variants/{variant}/{points}/costly.csv",
    log:
        "<results>/logs/costly/{experiment}/{variant}/{points}.log",
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
    conda:
        "../../envs/environment.yaml"
    params:
        job=job(slices.jacobian, "variant"),
    script:
        "../scripts/jacobian.py"
