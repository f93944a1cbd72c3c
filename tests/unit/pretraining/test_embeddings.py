"""Embeddings as stores."""

import numpy as np
from stage_stores import points

from earthdim.encoders.location import build_encoder
from earthdim.pretraining.embeddings import embeddings_store

MODEL = {
    "encoding": {
        "_target_": "earthdim.encoders.encodings.space2vec.Grid",
        "scales": 4,
        "min_scale": 1.0,
        "max_scale": 90.0,
    },
    "network": {
        "_target_": "earthdim.encoders.networks.space_ffn.SpaceFFN",
        "width": 16,
        "hidden_layers": 1,
        "outputs": 6,
        "dropout": 0.0,
    },
}


def test_embeddings_follow_the_encoder_and_keep_coordinates():
    trained = build_encoder(MODEL, seed=5)
    at = points()
    store = embeddings_store(trained, at)
    lonlat = np.stack([at["lon"], at["lat"]], axis=1)
    np.testing.assert_array_equal(store["embedding"], trained.embed(lonlat))
    assert store["embedding"].dims == ("point", "feature")
    np.testing.assert_array_equal(store["lon"], at["lon"])
    assert store.attrs == {}
    assert at.attrs == {"from": "elsewhere"}
