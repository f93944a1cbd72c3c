"""Networks that follow the positional encoding: SIREN, MLP, GeoCLIP's capsules, those of Space2Vec and SINR."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}


class Siren(nn.Module):
    """Sinusoidal representation network: layers ``sin(w0 (W x + b))`` and a linear last layer.

    Weights and biases are drawn from U(-1/in, 1/in) in the first layer and from U(-c, c) with
    ``c = sqrt(6/in) / w0`` in all others.

    Parameters
    ----------
    inputs, outputs : int
        Number of features and dimension of the embedding.
    width, hidden_layers : int
        Units of a sine layer and number of sine layers.
    w0_first, w0 : float
        Angular frequency of the first sine layer and of the others.

    References
    ----------
    Sitzmann, Martel, Bergman, Lindell, Wetzstein (2020). Implicit neural representations with periodic
    activation functions. NeurIPS.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        hidden_layers: int,
        outputs: int,
        w0_first: float = 30.0,
        w0: float = 1.0,
    ) -> None:
        super().__init__()
        _check_sizes(inputs=inputs, width=width, hidden_layers=hidden_layers, outputs=outputs)
        if not (w0_first > 0 and w0 > 0):
            raise ValueError(f"w0_first and w0 must be positive, got {w0_first!r} and {w0!r}")
        self.inputs, self.outputs = inputs, outputs
        self.w0_first, self.w0 = float(w0_first), float(w0)
        sizes = [inputs, *[width] * hidden_layers]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.last = nn.Linear(width, outputs)
        _draw_uniform(self.hidden[0], 1 / inputs)
        for layer in (*self.hidden[1:], self.last):
            _draw_uniform(layer, math.sqrt(6 / width) / self.w0)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, inputs) to embeddings (n, outputs)."""
        x = torch.sin(self.w0_first * self.hidden[0](features))
        for layer in self.hidden[1:]:
            x = torch.sin(self.w0 * layer(x))
        return self.last(x)


class MLP(nn.Sequential):
    """Plain multilayer perceptron with a linear last layer.

    Parameters
    ----------
    inputs, outputs : int
        Number of features and dimension of the embedding.
    width, hidden_layers : int
        Units of a hidden layer and number of hidden layers.
    activation : {"relu", "leaky-relu", "gelu"}
    """

    def __init__(
        self, inputs: int, width: int, hidden_layers: int, outputs: int, activation: str = "relu"
    ) -> None:
        _check_sizes(inputs=inputs, width=width, hidden_layers=hidden_layers, outputs=outputs)
        sizes = [inputs, *[width] * hidden_layers]
        layers = []
        for a, b in pairwise(sizes):
            layers += [nn.Linear(a, b), _activation(activation)]
        super().__init__(*layers, nn.Linear(width, outputs))
        self.inputs, self.outputs = inputs, outputs


class Capsules(nn.Module):
    """GeoCLIP's capsules: the sum of one ReLU perceptron per level of a hierarchy of features.

    The features are divided evenly among the capsules: one level each if there are as many capsules as levels.

    Parameters
    ----------
    inputs, outputs : int
        Number of features of all levels together, and dimension of the embedding.
    capsules : int
        Number of capsules.
    width, hidden_layers : int
        Units of a hidden layer and number of hidden layers of a capsule.

    References
    ----------
    Vivanco Cepeda, Nayak, Shah (2023). GeoCLIP: Clip-inspired alignment between locations and images for
    effective worldwide geo-localization. NeurIPS.
    """

    def __init__(self, inputs: int, capsules: int, width: int, hidden_layers: int, outputs: int) -> None:
        super().__init__()
        _check_sizes(inputs=inputs, capsules=capsules)
        if inputs % capsules:
            raise ValueError(f"capsules: {inputs} features cannot be divided among {capsules} capsules")
        self.inputs, self.outputs = inputs, outputs
        self.capsules = nn.ModuleList(
            MLP(inputs // capsules, width, hidden_layers, outputs) for _ in range(capsules)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, inputs) to embeddings (n, outputs)."""
        levels = features.chunk(len(self.capsules), dim=1)
        return sum(capsule(level) for capsule, level in zip(self.capsules, levels, strict=True))


class SpaceFFN(nn.Module):
    """The feed-forward network of Space2Vec and CSP.

    A hidden layer applies a linear map, the activation, dropout, a skip connection if shapes match, and layer
    normalisation; the last layer is linear.

    Parameters
    ----------
    inputs, outputs : int
        Number of features and dimension of the embedding.
    width, hidden_layers : int
        Units of a hidden layer and number of hidden layers.
    activation : {"relu", "leaky-relu", "gelu"}
    dropout : float
        Probability of dropping a unit while training.

    References
    ----------
    Mai, Janowicz, Yan, Zhu, Cai, Lao (2020). Multi-scale representation learning for spatial feature
    distributions using grid cells. ICLR.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        hidden_layers: int,
        outputs: int,
        activation: str = "relu",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        _check_sizes(inputs=inputs, width=width, hidden_layers=hidden_layers, outputs=outputs)
        _check_dropout(dropout)
        self.inputs, self.outputs = inputs, outputs
        sizes = [inputs, *[width] * hidden_layers]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in self.hidden)
        self.activation = _activation(activation)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(width, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, inputs) to embeddings (n, outputs)."""
        x = features
        for layer, norm in zip(self.hidden, self.norms, strict=True):
            y = self.dropout(self.activation(layer(x)))
            x = norm(x + y if x.shape == y.shape else y)
        return self.last(x)


class ResidualFCNet(nn.Module):
    """SINR's residual network: one linear layer with ReLU, then residual blocks of constant width.

    A block adds to its input: linear, ReLU, dropout, linear, ReLU. The embedding is the output of the last block and
    non-negative; the linear layer that maps it to classes belongs to the objective.

    Parameters
    ----------
    inputs : int
        Number of features.
    width : int
        Units of every layer, and dimension of the embedding.
    blocks : int
        Number of residual blocks.
    dropout : float
        Probability of dropping a unit while training.

    References
    ----------
    Cole, Van Horn, Lange, Shepard, Leary, Perona, Loarie, Mac Aodha (2023). Spatial implicit neural representations
    for global-scale species mapping. ICML.

    Mac Aodha, Cole, Perona (2019). Presence-only geographical priors for fine-grained image classification. ICCV
    (the network).
    """

    def __init__(self, inputs: int, width: int, blocks: int, dropout: float = 0.5) -> None:
        super().__init__()
        _check_sizes(inputs=inputs, width=width, blocks=blocks)
        _check_dropout(dropout)
        self.inputs, self.outputs = inputs, width
        self.first = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(_ResidualBlock(width, dropout) for _ in range(blocks))

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, inputs) to embeddings (n, width)."""
        x = torch.relu(self.first(features))
        for block in self.blocks:
            x = block(x)
        return x


class _ResidualBlock(nn.Module):
    """Linear, ReLU, dropout, linear, ReLU, added to the input."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.relu(self.second(self.dropout(torch.relu(self.first(x)))))


def _activation(name: str) -> nn.Module:
    """Build an activation by its name."""
    if name not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {name!r}")
    return ACTIVATIONS[name]()


def _check_sizes(**sizes: int) -> None:
    """Raise ValueError unless every size is a positive whole number."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be a positive whole number, got {size!r}")


def _check_dropout(dropout: float) -> None:
    """Raise ValueError unless a dropout probability lies in [0, 1)."""
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must lie in [0, 1), got {dropout!r}")


def _draw_uniform(layer: nn.Linear, bound: float) -> None:
    """Draw a layer's weights and biases from U(-bound, bound)."""
    nn.init.uniform_(layer.weight, -bound, bound)
    nn.init.uniform_(layer.bias, -bound, bound)
