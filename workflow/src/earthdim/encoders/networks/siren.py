"""Sinusoidal representation network (SIREN)."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from earthdim.encoders.networks.base import check_sizes, draw_uniform


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
        check_sizes(inputs=inputs, width=width, hidden_layers=hidden_layers, outputs=outputs)
        if not (w0_first > 0 and w0 > 0):
            raise ValueError(f"w0_first and w0 must be positive, got {w0_first!r} and {w0!r}")
        self.inputs, self.outputs = inputs, outputs
        self.w0_first, self.w0 = float(w0_first), float(w0)
        sizes = [inputs, *[width] * hidden_layers]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.last = nn.Linear(width, outputs)
        draw_uniform(self.hidden[0], 1 / inputs)
        for layer in (*self.hidden[1:], self.last):
            draw_uniform(layer, math.sqrt(6 / width) / self.w0)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, inputs) to embeddings (n, outputs)."""
        x = torch.sin(self.w0_first * self.hidden[0](features))
        for layer in self.hidden[1:]:
            x = torch.sin(self.w0 * layer(x))
        return self.last(x)
