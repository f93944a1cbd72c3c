"""The optimiser of pre-training against `torch.optim.AdamW`, bit for bit."""

import torch

from earthdim.pretraining.optimiser import AdamW

DECAY = 0.05


class Network(torch.nn.Module):
    """Matrices, vectors, a scalar, a frozen parameter, and one that has no gradient in every third step."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = torch.nn.Linear(3, 8), torch.nn.LayerNorm(8), torch.nn.Linear(8, 2)
        self.scale, self.rare = (torch.nn.Parameter(torch.tensor(value)) for value in (1.5, 0.5))
        self.frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)

    def forward(self, step, x):
        y = self.last(torch.relu(self.norm(self.first(x)))) * self.scale + self.frozen
        return (y * self.rare if step % 3 else y).square().mean()


def test_steps_are_those_of_torch():
    torch.manual_seed(0)
    ours, theirs = Network(), Network()
    theirs.load_state_dict(ours.state_dict())
    trained = [parameter for parameter in theirs.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trained if parameter.ndim > 1], "weight_decay": DECAY},
        {"params": [parameter for parameter in trained if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    reference, optimiser = torch.optim.AdamW(groups), AdamW(ours, DECAY)
    for step in range(30):
        rate, x = 0.01 / (1 + step), torch.randn(16, 3)
        for group in reference.param_groups:
            group["lr"] = rate
        reference.zero_grad()
        theirs(step, x).backward()
        reference.step()
        optimiser.zero_grad()
        ours(step, x).backward()
        optimiser.step(rate)
    for name, value in ours.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[name]), name
    assert torch.equal(ours.frozen, torch.ones(2))
    assert not torch.equal(ours.rare, torch.tensor(0.5))
