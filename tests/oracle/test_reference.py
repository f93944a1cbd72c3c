"""Equality with the reference implementation, which computes its own neighbours and decompositions.

Three embeddings: a released encoder, one pre-trained here for a few steps, and a uniform ball. The reference gets the
same centred and rescaled points and nothing else.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from reference import PLAIN

from earthdim.build import build
from earthdim.data.samples import area as samples
from earthdim.encoders.location import build_encoder
from earthdim.estimation.estimators import EstimateError, PreparedEmbedding, estimate
from earthdim.estimation.neighbours import knn, prepare
from earthdim.experiment.leaves import compose
from earthdim.pretraining.loop import pretrain
from earthdim.pretraining.rows import Rows

CONFIG = Path(__file__).parents[2] / "config"
REFERENCE = "scikit-dimension 0.5.0"

NAMES = (
    "mle",
    "mom",
    "tle",
    "twonn",
    "lpca-fo",
    "lpca-maxgap",
    "lpca-ratio",
    "lpca-kaiser",
    "lpca-broken-stick",
    "lpca-mp",
    "lpca-gd",
    "ess",
    "mada",
    "mind-ml",
    "corrint",
    "fishers",
    "gride-k16",
    "knn",
    "ph",
)


def places(n):
    return samples.sphere(n, np.random.default_rng(3))


@cache
def released():
    leaf = yaml.safe_load((CONFIG / "weights" / "geoclip" / "released.yaml").read_text())
    return build(leaf["build"])


@cache
def trained():
    """Return SatCLIP's recipe after 30 steps against random waves."""
    model = compose(CONFIG, "model/satclip")["model"]
    lonlat = samples.sphere(1280, np.random.default_rng(0))
    waves = np.sin(lonlat @ np.random.default_rng(1).normal(size=(2, 8)) / 20).astype(np.float32)
    schedule = {"batch": 128, "steps": 30, "warmup_steps": 3, "evaluate_every": 30, "candidates": 128}
    schedule |= {"locations": 1024, "validation": 256, "seed": 0, "noise": 0, "jitter_km": 0}
    encoder = build_encoder(model, seed=0)
    rows = Rows(np.arange(1024), np.arange(1024, 1280), np.arange(0))
    result = pretrain(encoder, {"waves": waves}, lonlat, rows, model, schedule, 0, lambda line: None)
    encoder.load_state_dict(result.state)
    return encoder


def ball(n):
    rng = np.random.default_rng(4)
    direction = rng.standard_normal((n, 6))
    return direction / np.linalg.norm(direction, axis=1, keepdims=True) * rng.random((n, 1)) ** (1 / 6)


EMBEDDINGS = {
    "released": lambda n: released().embed(places(n)),
    "trained": lambda n: trained().embed(places(n)),
    "ball": ball,
}


@cache
def prepared_embedding(name, n):
    prepared = prepare(EMBEDDINGS[name](n))
    return PreparedEmbedding(prepared, knn(prepared.points, 21))


def compare(embedding, n, name):
    import skdim
    import skdim.id

    assert f"scikit-dimension {skdim.__version__}" == REFERENCE
    read = prepared_embedding(embedding, n)
    leaf = compose(CONFIG, f"estimator/{name}")["estimator"]
    plain = PLAIN[name](skdim.id, read.prepared.points)
    if plain.dimension_ == 0:
        # No component of a ball stands out: the rank is 0, which is not a valid dimension.
        with pytest.raises(EstimateError, match=r"gave 0\.0"):
            estimate(leaf, read)
        return
    found = estimate(leaf, read)
    assert found.value == pytest.approx(plain.dimension_, rel=1e-9)
    if found.local is not None:
        np.testing.assert_allclose(found.local, plain.dimension_pw_, rtol=1e-8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize("n", [2000], ids=[f"{REFERENCE}, 2000 points"])
def test_equals_the_reference(embedding, n, name):
    # The reference's minimum spanning trees take a minute for 2,000 points.
    compare(embedding, 600 if name == "ph" else n, name)


@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name in NAMES if name != "knn"])
@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize("n", [10000], ids=[f"{REFERENCE}, 10000 points"])
def test_equals_the_reference_on_many_points(embedding, n, name):
    """Takes minutes: the reference's MADA and TwoNN hold all distances, its ESS takes a millisecond per point."""
    compare(embedding, n, name)
