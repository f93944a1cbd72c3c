import numpy as np
import pytest
import torch

from earthdim.encoders.networks.capsules import Capsules
from earthdim.encoders.networks.mlp import MLP
from earthdim.encoders.networks.residual_fc_net import ResidualFCNet
from earthdim.encoders.networks.siren import Siren
from earthdim.encoders.networks.space_ffn import SpaceFFN


def count(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(("legendre_polys", "parameters"), [(10, 445_696), (20, 599_296), (40, 1_213_696)])
def test_siren_has_the_published_size(legendre_polys, parameters):
    assert count(Siren(legendre_polys**2, width=512, hidden_layers=2, outputs=256)) == parameters


def test_capsules_have_the_published_size():
    network = Capsules(3 * 512, capsules=3, width=1024, hidden_layers=3, outputs=512)
    assert count(network) == 9_447_936
    assert count(network.capsules[0]) == 3_149_312


def test_space_ffn_has_the_published_size():
    assert count(SpaceFFN(128, width=512, hidden_layers=1, outputs=256)) == 198_400


def test_residual_network_has_the_published_size():
    assert count(ResidualFCNet(4, width=256, blocks=4)) == 527_616


def test_siren_by_hand():
    network = Siren(3, width=5, hidden_layers=2, outputs=2, w0_first=30, w0=2).double()
    x = np.random.default_rng(0).normal(size=(7, 3))
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    y = np.sin(30 * (x @ state["hidden.0.weight"].T + state["hidden.0.bias"]))
    y = np.sin(2 * (y @ state["hidden.1.weight"].T + state["hidden.1.bias"]))
    y = y @ state["last.weight"].T + state["last.bias"]
    np.testing.assert_allclose(network(torch.from_numpy(x)).detach(), y, atol=1e-12)


def test_siren_draws_from_the_stated_ranges():
    torch.manual_seed(0)
    network = Siren(100, width=400, hidden_layers=2, outputs=300, w0_first=30, w0=3)
    bounds = [1 / 100, np.sqrt(6 / 400) / 3, np.sqrt(6 / 400) / 3]
    for layer, bound in zip((*network.hidden, network.last), bounds, strict=True):
        for values in (layer.weight, layer.bias):
            assert values.abs().max().item() == pytest.approx(bound, rel=0.02)
            assert values.abs().max().item() <= bound * (1 + 1e-6)
        assert layer.weight.std().item() == pytest.approx(bound / np.sqrt(3), rel=0.02)


def test_capsules_sum_over_their_levels():
    network = Capsules(6, capsules=3, width=4, hidden_layers=1, outputs=2)
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    parts = [capsule(x[:, 2 * i : 2 * i + 2]) for i, capsule in enumerate(network.capsules)]
    torch.testing.assert_close(network(x), parts[0] + parts[1] + parts[2])


def test_space_ffn_by_hand_with_the_skip_where_shapes_match():
    network = SpaceFFN(3, width=4, hidden_layers=2, outputs=2, activation="leaky-relu").double().eval()
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 3)))

    def layer(i, values):
        return torch.nn.functional.leaky_relu(network.hidden[i](values))

    def norm(values):
        centred = values - values.mean(dim=1, keepdim=True)
        return centred / torch.sqrt(values.var(dim=1, keepdim=True, correction=0) + 1e-5)

    first = norm(layer(0, x))
    second = norm(first + layer(1, first))
    torch.testing.assert_close(network(x), network.last(second))


def test_residual_network_by_hand():
    network = ResidualFCNet(3, width=5, blocks=2).double().eval()
    x = np.random.default_rng(0).normal(size=(7, 3))
    state = {name: value.numpy() for name, value in network.state_dict().items()}

    def layer(name, values):
        return np.maximum(values @ state[f"{name}.weight"].T + state[f"{name}.bias"], 0)

    y = layer("first", x)
    for block in ("blocks.0", "blocks.1"):
        y = y + layer(f"{block}.second", layer(f"{block}.first", y))
    np.testing.assert_allclose(network(torch.from_numpy(x)).detach(), y, atol=1e-12)


def test_residual_network_drops_between_the_layers_of_a_block():
    """With every weight of the second layers 1, dropout changes all units of a block equally."""
    network = ResidualFCNet(3, width=16, blocks=1, dropout=0.5)
    torch.nn.init.ones_(network.blocks[0].second.weight)
    x = torch.ones(1, 3)
    with torch.no_grad():
        first = torch.relu(network.first(x))
        steps = [network(x) - first for _ in range(8)]
    assert all(
        torch.unique((step - network.blocks[0].second.bias).round(decimals=4)).numel() == 1 for step in steps
    )
    assert len({step.sum().item() for step in steps}) > 1


@pytest.mark.parametrize(
    "network",
    [
        SpaceFFN(3, width=64, hidden_layers=1, outputs=2, dropout=0.5),
        ResidualFCNet(3, width=64, blocks=1, dropout=0.5),
    ],
    ids=lambda network: type(network).__name__,
)
def test_dropout_acts_in_training_only(network):
    network.train()
    x = torch.ones(1, 3)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_mlp_activation():
    network = MLP(2, width=3, hidden_layers=1, outputs=1, activation="gelu")
    x = torch.tensor([[0.3, -2.0]])
    torch.testing.assert_close(network(x), network[2](torch.nn.functional.gelu(network[0](x))))


def test_every_network_states_its_sizes():
    for network in (
        Siren(4, 8, 1, 3),
        MLP(4, 8, 1, 3),
        SpaceFFN(4, 8, 1, 3),
        Capsules(4, 2, 8, 1, 3),
    ):
        assert (network.inputs, network.outputs) == (4, 3)
        assert network(torch.zeros(2, 4)).shape == (2, 3)
    network = ResidualFCNet(4, 3, 2)
    assert (network.inputs, network.outputs, network(torch.zeros(2, 4)).shape) == (4, 3, (2, 3))


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: Siren(4, 0, 1, 3), "width"),
        (lambda: Siren(4, 8, 1, 3, w0=0), "w0"),
        (lambda: MLP(4, 8, 0, 3), "hidden_layers"),
        (lambda: MLP(4, 8, 1, 3, activation="swish"), "activation"),
        (lambda: Capsules(7, 2, 8, 1, 3), "capsules"),
        (lambda: Capsules(7, 0, 8, 1, 3), "capsules"),
        (lambda: SpaceFFN(4, 8, 1, 3, dropout=1.0), "dropout"),
        (lambda: SpaceFFN(4, 8, 1, 2.5), "outputs"),
        (lambda: ResidualFCNet(4, 8, 0), "blocks"),
        (lambda: ResidualFCNet(4, 8, 1, dropout=-0.1), "dropout"),
    ],
)
def test_bad_arguments(build, match):
    with pytest.raises(ValueError, match=match):
        build()
