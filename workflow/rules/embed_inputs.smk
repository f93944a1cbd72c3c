"""Paths of embeddings, for the rules that write and read them. No rule is defined here."""

TOGETHER = queries.embedded_together(EXPERIMENT)
JOINT = queries.together(EXPERIMENT)


def embeddings_of(suffix):
    """The stores, or manifests, of all point sets at which one job embeds a variant."""
    return expand(
        f"<results>/variants/{{{{variant}}}}/{JOINT}/{{points}}/embeddings.{suffix}", points=TOGETHER
    )


@functools.cache
def embedded_at(points):
    return queries.embedded_at(EXPERIMENT, points)


def embedded_of(variant, points):
    """The embeddings of a variant at a point set, as inputs."""
    at = f"<results>/variants/{variant}/{embedded_at(points)}"
    return {"embeddings": f"{at}/embeddings.zarr", "manifest": f"{at}/embeddings.json"}


@planned
def embedded(wildcards):
    return embedded_of(wildcards.variant, wildcards.points)


@planned
def searched(wildcards):
    """The embeddings and their graph, which other jobs have searched."""
    at = f"<results>/variants/{wildcards.variant}/{embedded_at(wildcards.points)}"
    return {**embedded(wildcards), "neighbours": f"{at}/neighbours.zarr", "graph": f"{at}/neighbours.json"}
