"""AdamW of torch, without the class around it, whose construction imports torch's compiler: 1.3 CPU seconds a job."""

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw


class AdamW:
    """Steps of torch's AdamW with weight decay on matrices only: vectors and scalars are biases, norms and scales.

    The numbers are those of `torch.optim.AdamW` with its default betas and eps, bit for bit, as both call the same
    function of torch.

    Parameters
    ----------
    trained : Module
        Its parameters that require gradients are updated in place.
    weight_decay : float

    References
    ----------
    Loshchilov and Hutter (2019), Decoupled Weight Decay Regularization, ICLR, arXiv:1711.05101.
    """

    def __init__(self, trained: nn.Module, weight_decay: float):
        parameters = [parameter for parameter in trained.parameters() if parameter.requires_grad]
        matrices = [parameter for parameter in parameters if parameter.ndim > 1]
        others = [parameter for parameter in parameters if parameter.ndim <= 1]
        self._groups = [(matrices, weight_decay), (others, 0.0)]
        # Of each parameter: mean of the gradient, mean of its square, number of steps.
        self._state: dict[Tensor, tuple[Tensor, Tensor, Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for parameters, _ in self._groups:
            for parameter in parameters:
                parameter.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Take a step at a learning rate; parameters without a gradient stay as they are."""
        for parameters, weight_decay in self._groups:
            held = [parameter for parameter in parameters if parameter.grad is not None]
            mean, square, steps = ([self._of(parameter)[part] for parameter in held] for part in range(3))
            adamw(
                held,
                [parameter.grad for parameter in held],
                mean,
                square,
                [],
                steps,
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=rate,
                weight_decay=weight_decay,
                eps=1e-8,
                maximize=False,
            )

    def _of(self, parameter: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if parameter not in self._state:
            # The number of steps stays on the CPU, as in torch's class.
            zeros = torch.zeros_like(parameter), torch.zeros_like(parameter)
            self._state[parameter] = (*zeros, torch.tensor(0.0))
        return self._state[parameter]
