"""Fully connected network with residual blocks."""

import torch
from torch import Tensor, nn

from earthdim.encoders.networks.base import check_dropout, check_sizes


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
        check_sizes(inputs=inputs, width=width, blocks=blocks)
        check_dropout(dropout)
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
