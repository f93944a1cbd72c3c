import numpy as np
import pytest
import torch

from earthdim.encoders.encodings.space2vec import Grid
from earthdim.encoders.location import LocationEncoder, build_encoder
from earthdim.encoders.networks.mlp import MLP

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
        "dropout": 0.5,
    },
}


def lonlat(n=50):
    rng = np.random.default_rng(0)
    return np.column_stack((rng.uniform(-180, 180, n), rng.uniform(-90, 90, n)))


def test_embed_is_the_forward_pass_in_evaluation_mode():
    encoder = build_encoder(MODEL, seed=0)
    embedded = encoder.embed(lonlat())
    assert embedded.dtype == np.float32
    assert embedded.shape == (50, encoder.ambient_dim) == (50, 6)
    with torch.no_grad():
        expected = encoder.eval()(torch.from_numpy(lonlat())).numpy()
    np.testing.assert_array_equal(embedded, expected)


def test_embeddings_do_not_depend_on_the_batch_size():
    encoder = build_encoder(MODEL, seed=0)
    np.testing.assert_allclose(
        encoder.embed(lonlat(), batch=7), encoder.embed(lonlat()), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("training", [True, False])
def test_embed_leaves_the_mode_as_it_was(training):
    encoder = build_encoder(MODEL, seed=0).train(training)
    encoder.embed(lonlat())
    assert encoder.training is encoder.network.training is training


def test_embed_reads_the_hook_of_a_subclass():
    class Doubled(LocationEncoder):
        def forward(self, lonlat):
            return 2 * super().forward(lonlat)

    plain = build_encoder(MODEL, seed=0)
    np.testing.assert_array_equal(
        Doubled(plain.encoding, plain.network).embed(lonlat()), 2 * plain.embed(lonlat())
    )


def test_embed_cannot_be_overridden():
    with pytest.raises(TypeError, match="sealed"):

        class Broken(LocationEncoder):
            def embed(self, lonlat, batch=4096):
                return lonlat


def test_a_result_of_the_wrong_shape_is_rejected_not_broadcast():
    class Narrow(LocationEncoder):
        def forward(self, lonlat):
            return super().forward(lonlat)[:, :1]

    plain = build_encoder(MODEL, seed=0)
    with pytest.raises(ValueError, match="forward returned"):
        Narrow(plain.encoding, plain.network).embed(lonlat())


@pytest.mark.parametrize("bad", [[[200.0, 0.0]], [[0.0, 91.0]], [[np.nan, 0.0]], [0.0, 1.0]])
def test_coordinates_are_checked(bad):
    with pytest.raises(ValueError, match="lonlat"):
        build_encoder(MODEL, seed=0).embed(np.array(bad))


def test_batch_is_checked():
    with pytest.raises(ValueError, match="batch"):
        build_encoder(MODEL, seed=0).embed(lonlat(), batch=0)


def test_non_finite_embeddings_are_an_error_with_the_place():
    class Hole(LocationEncoder):
        def forward(self, lonlat):
            return super().forward(lonlat) / (lonlat[:, :1] != 10.0)

    plain = build_encoder(MODEL, seed=0)
    with pytest.raises(FloatingPointError, match=r"1 of 3 embeddings .* longitude 10.0, latitude -5.0"):
        Hole(plain.encoding, plain.network).embed(np.array([[0.0, 0.0], [10.0, -5.0], [20.0, 1.0]]))


def test_seed_decides_the_weights_and_the_global_state_does_not():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = build_encoder(MODEL, seed=0).embed(lonlat())
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    np.testing.assert_array_equal(build_encoder(MODEL, seed=0).embed(lonlat()), first)
    assert not np.array_equal(build_encoder(MODEL, seed=1).embed(lonlat()), first)


def test_only_trainable_parameters_are_counted():
    encoder = LocationEncoder(Grid(4, 1, 90), MLP(16, width=8, hidden_layers=1, outputs=3))
    assert encoder.parameters_count == 16 * 8 + 8 + 8 * 3 + 3
    encoder.network[0].requires_grad_(False)
    assert encoder.parameters_count == 8 * 3 + 3


@pytest.mark.parametrize("key", ["encoding", "network"])
def test_a_missing_leaf_is_named(key):
    with pytest.raises(ValueError, match=key):
        build_encoder({name: leaf for name, leaf in MODEL.items() if name != key}, seed=0)
