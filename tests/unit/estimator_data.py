"""Leaves of config/estimator, and point sets prepared for estimators."""

from functools import cache
from pathlib import Path

import numpy as np

from earthdim.estimation.estimators import PreparedEmbedding
from earthdim.estimation.neighbours import Graph, PreparedPoints, knn, prepare
from earthdim.experiment.leaves import compose

CONFIG = Path(__file__).parents[2] / "config"
NAMES = sorted(path.stem for path in (CONFIG / "estimator").glob("*.yaml"))


@cache
def leaf(name):
    return compose(CONFIG, f"estimator/{name}")["estimator"]


def curved_surface(n, d, seed=3):
    """Return points of a smooth surface in d dimensions, similar to a low-frequency encoder."""
    rng = np.random.default_rng(seed)
    return np.sin(rng.uniform(-1, 1, (n, 2)) @ rng.standard_normal((2, d)) * 2 + rng.uniform(0, 6, d))


def uniform_ball(n, d, seed=0):
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal((n, d))
    return direction / np.linalg.norm(direction, axis=1, keepdims=True) * rng.random((n, 1)) ** (1 / d)


def prepared_embedding(X, k):
    prepared = prepare(X)
    return PreparedEmbedding(prepared, knn(prepared.points, k))


def embedding_of_graph(points, distance, index):
    """Return an embedding with a given graph."""
    n, d = points.shape
    return PreparedEmbedding(
        PreparedPoints(points, np.arange(n), 0, 1.0, np.zeros(d)), Graph(distance, index)
    )
