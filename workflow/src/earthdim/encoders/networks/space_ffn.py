"""Feed-forward network of Space2Vec."""

from itertools import pairwise

from torch import Tensor, nn

from earthdim.encoders.networks.base import activation_module, check_dropout, check_sizes


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
        check_sizes(inputs=inputs, width=width, hidden_layers=hidden_layers, outputs=outputs)
        check_dropout(dropout)
        self.inputs, self.outputs = inputs, outputs
        sizes = [inputs, *[width] * hidden_layers]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in self.hidden)
        self.activation = activation_module(activation)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(width, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, inputs) to embeddings (n, outputs)."""
        x = features
        for layer, norm in zip(self.hidden, self.norms, strict=True):
            y = self.dropout(self.activation(layer(x)))
            x = norm(x + y if x.shape == y.shape else y)
        return self.last(x)
