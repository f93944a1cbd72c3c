"""Capsules: one network per group of features."""

from torch import Tensor, nn

from earthdim.encoders.networks.base import check_sizes
from earthdim.encoders.networks.mlp import MLP


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
        check_sizes(inputs=inputs, capsules=capsules)
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
