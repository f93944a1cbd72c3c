"""Intrinsic dimension of a head's activations against the head's performance; drawn by `performance.draw`."""

from earthdim.figures import performance
from earthdim.figures.declaration import Figure

FIGURE = Figure(
    title="Activation ID against performance",
    category="Correlation",
    inputs=("variants", "dimension", "probe", "correlation"),
    options={"space": "activation"},
    chosen={
        "estimator": "activation estimator",
        "k": "activation k",
        "split": "split",
        "heads": "heads",
        "cell": "cell",
    },
    caption="activation.rst",
)

draw = performance.draw
