"""CPU time of this package's optimisers next to those of torch and scipy, on problems of the size of the probes.

    envs/run python tests/benchmarks/optimisers.py

AdamW (`earthdim.probing.heads.batched`) is compared with `torch.optim.AdamW`: its construction, which makes torch
import its compiler, its steps alone on the parameters of one probe, and a whole training of the MLP head. L-BFGS
(`earthdim.probing.heads.logistic`) is compared with ``scipy.optimize.minimize(method="L-BFGS-B")`` on the same
objective, start and tolerance. Pre-training calls the function of torch's steps without the class. All numbers are CPU
seconds of one process with one math thread; the two sides alternate, and the median of the repeats is printed.

Measured on one core of a shared two-core machine (torch 2, scipy 1; ratio = library / ours): AdamW 1.67 for its steps
alone and 1.11 for a training of the head, plus 0.9 to 1.0 s once per process for the construction of torch's, against
2.3 s for the training; L-BFGS 1.1 to 1.9 on 31 classes and 1.3 to 1.6 on 185. These factors are below two and do not
justify separate implementations. They are kept because the tables must not change: after 20 steps of torch's AdamW a
fifth of the first layer's weights differ in the last bits, and scipy iterates in float64 with another line search.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from earthdim.probing.heads import batched, logistic
from earthdim.probing.heads.mlp import batch_rows, learning_rate

POINTS, COLUMNS, FOLDS = 3200, 256, 5
OUTPUTS = (1, 1, 1, 1, 31, 185)
"""Output widths of the six tasks of the experiment `default`."""

HIDDEN, STEPS, BATCH, PEAK, WARMUP, DECAY = [64, 64], 250, 128, 1e-2, 0.1, 0.1
"""Values of config/head/mlp.yaml."""


class TorchAdamW:
    """`torch.optim.AdamW` with the interface of `batched.AdamW`."""

    def __init__(self, weights: list[torch.Tensor], biases: list[torch.Tensor], weight_decay: float):
        groups = [{"params": weights, "weight_decay": weight_decay}, {"params": biases, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups)

    def step(self, loss: torch.Tensor, learning_rate: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()


def networks() -> batched.Networks:
    return batched.Networks(COLUMNS, HIDDEN, OUTPUTS, FOLDS, seed=0)


def step_alone(kind: type) -> Callable[[], None]:
    """All optimiser steps of one training, with a loss whose gradient costs nearly nothing."""
    nets = networks()
    parameters = [*nets.weights, *nets.biases]
    optimiser = kind(nets.weights, nets.biases, DECAY)

    def run() -> None:
        for number in range(STEPS):
            loss = sum((parameter * parameter).sum() for parameter in parameters)
            optimiser.step(loss, learning_rate(number, STEPS, PEAK, WARMUP))

    return run


def training(kind: type) -> Callable[[], None]:
    """Training of the MLP head on six tasks and five folds, without validation."""
    rng = np.random.default_rng(0)
    features = torch.from_numpy(rng.normal(size=(FOLDS, POINTS, COLUMNS)).astype(np.float32))
    fits = [np.arange(POINTS)] * FOLDS
    order = np.stack([batch_rows(fit, STEPS, BATCH, [0, fold]) for fold, fit in enumerate(fits)], axis=1)
    labels = [torch.from_numpy(rng.integers(0, max(width, 2), POINTS)) for width in OUTPUTS]

    def loss_of(output: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        if output.shape[1] == 1:
            return (output[:, 0] - label.float()).square().mean(dim=1).sum()
        return torch.nn.functional.cross_entropy(output, label) * FOLDS

    def run() -> None:
        nets = networks()
        optimiser = kind(nets.weights, nets.biases, DECAY)
        for number in range(STEPS):
            chosen = torch.from_numpy(order[number])
            seen = torch.stack([x.index_select(0, r) for x, r in zip(features, chosen, strict=True)])
            _, outputs = nets.forward(seen)
            losses = (loss_of(o, label[chosen]) for o, label in zip(outputs, labels, strict=True))
            optimiser.step(sum(losses), learning_rate(number, STEPS, PEAK, WARMUP))

    return run


def problem(classes: int) -> logistic.Problem:
    """Classes that depend on the features, of unequal sizes, as country and climate zone are."""
    rng = np.random.default_rng(classes)
    # Standardised columns with a decaying spectrum, as those of a location encoder.
    latent = rng.normal(size=(POINTS, COLUMNS)) * np.geomspace(1, 1e-3, COLUMNS)
    features = latent @ np.linalg.qr(rng.normal(size=(COLUMNS, COLUMNS)))[0]
    features = (features - features.mean(0)) / features.std(0)
    odds = 4 * latent[:, :32] @ rng.normal(size=(32, classes)) + rng.gumbel(size=(POINTS, classes))
    labels = np.argmax(odds + np.linspace(0, 6, classes), axis=1)
    rows = np.arange(POINTS)
    return logistic.Problem.of(logistic.principal_axes(features.astype(np.float32), rows), labels, rows)


def ours(task: logistic.Problem, penalty: float, tolerance: float) -> Callable[[], float]:
    def run() -> float:
        start = np.zeros((len(task.classes), task.features.shape[1]), dtype=np.float32)
        return task.value(task.minimise(start, penalty, tolerance, 500), penalty)[0]

    return run


def scipys(task: logistic.Problem, penalty: float, tolerance: float) -> Callable[[], float]:
    shape = (len(task.classes), task.features.shape[1])

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = task.value(flat.reshape(shape).astype(np.float32), penalty)
        return loss, gradient.astype(np.float64).ravel()

    def run() -> float:
        options = {"gtol": tolerance, "ftol": 0, "maxiter": 500, "maxcor": 10}
        found = minimize(value, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options=options)
        return float(found.fun)

    return run


def compare(name: str, mine: Callable, library: Callable, repeats: int) -> None:
    """Alternate the two sides and print the medians and their ratio."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for side, run in zip(seconds, (mine, library), strict=True):
            began = time.process_time()
            run()
            side.append(time.process_time() - began)
    here, there = map(median, seconds)
    print(f"{name:44} {here:9.3f} {there:9.3f} {there / here:7.2f}", flush=True)


FRESH = """
import time, torch
from earthdim.probing.heads import batched
weights = [torch.zeros(3, 3, requires_grad=True)]
began = time.process_time()
CONSTRUCT
print(time.process_time() - began)
"""


def construction(construct: str) -> float:
    """CPU seconds to construct an optimiser in a fresh process."""
    code = FRESH.replace("CONSTRUCT", construct)
    return float(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    print(f"{'CPU seconds, one thread':44} {'ours':>9} {'library':>9} {'ratio':>7}")
    here = median(construction("batched.AdamW(weights, [], 0.1)") for _ in range(3))
    there = median(construction("torch.optim.AdamW(weights)") for _ in range(3))
    print(f"{'AdamW: construction in a fresh process':44} {here:9.3f} {there:9.3f} {'':>7}", flush=True)
    with threadpool_limits(1):
        compare(f"AdamW: {STEPS} steps alone", step_alone(batched.AdamW), step_alone(TorchAdamW), repeats)
        compare("AdamW: one training of the MLP head", training(batched.AdamW), training(TorchAdamW), repeats)
        for classes in (31, 185):
            task = problem(classes)
            for penalty, tolerance in ((1e-2, 4e-3), (1e-4, 2e-3), (1e-4, 1e-4)):
                name = f"L-BFGS: {classes} classes, penalty {penalty:g}, to {tolerance:g}"
                sides = ours(task, penalty, tolerance), scipys(task, penalty, tolerance)
                compare(name, *sides, repeats)


if __name__ == "__main__":
    main()
