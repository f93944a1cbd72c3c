"""Multilayer perceptron."""

from itertools import pairwise

from torch import nn

from earthdim.encoders.networks.base import activation_module, check_sizes


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
        check_sizes(inputs=inputs, width=width, hidden_layers=hidden_layers, outputs=outputs)
        sizes = [inputs, *[width] * hidden_layers]
        layers = []
        for a, b in pairwise(sizes):
            layers += [nn.Linear(a, b), activation_module(activation)]
        super().__init__(*layers, nn.Linear(width, outputs))
        self.inputs, self.outputs = inputs, outputs
