"""Heads against scikit-learn and a plain training loop in torch."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from probe_data import sphere, waves, zones
from sklearn import linear_model

from earthdim.build import build
from earthdim.probing.heads.base import Target, standardise
from earthdim.probing.heads.batched import Loss, initial_weights
from earthdim.probing.heads.logistic import Logistic
from earthdim.probing.heads.mlp import MLP, batch_rows, learning_rate
from earthdim.probing.heads.ridge import Ridge
from earthdim.probing.metrics import balanced_accuracy
from earthdim.probing.splits import Fold, RandomFolds, SpatialBlocks

torch.set_num_threads(1)

POINTS = sphere(400)
X = waves(POINTS, 24, 2.0)
FIELD = waves(POINTS, 1, 2.0, seed=5)[:, 0].astype(np.float64)
RANDOM = RandomFolds(folds=3, inner_folds=4, smallest_class=1, seed=0)
BLOCKS = SpatialBlocks(folds=3, inner_folds=3, degrees=20, buffer_km=200, smallest_class=1, seed=0)
NETWORK = {
    "hidden": [16, 8], "steps": 60, "batch": 32, "learning_rate": 0.01, "warmup": 0.1, "weight_decay": 0.1,
    "evaluate_every": 10,
}  # fmt: skip


def field(scale: float = 1.0, noise: float = 0.3) -> Target:
    rng = np.random.default_rng(3)
    return Target("regression", scale * (FIELD + noise * rng.standard_normal(len(FIELD))) + 7)


def classes(number: int = 6) -> Target:
    return Target("classification", zones(POINTS, number).astype(np.int64))


def standardised(fold, X=X):
    """The features of one fold, float64 for scikit-learn."""
    return standardise(X, [fold])[0].astype(np.float64)


def out_of_fold(head, folds, targets, seed=0, X=X):
    return head.out_of_fold(standardise(X, folds), folds, targets, seed)


def test_standardised_features_have_unit_variance_on_the_training_rows_alone():
    folds = RANDOM.nested(POINTS)
    for Z, fold in zip(
        standardise(np.column_stack([X, np.full(len(X), 0.1, np.float32)]), folds), folds, strict=True
    ):
        assert np.allclose(Z[fold.train, :-1].mean(axis=0), 0, atol=1e-6)
        assert np.allclose(Z[fold.train, :-1].std(axis=0), 1, atol=1e-6)
        assert not Z[:, -1].any()


@pytest.mark.parametrize("split", [RANDOM, BLOCKS])
def test_ridge_equals_scikit_learn_with_a_grid_search_of_the_penalty(split):
    penalties = [1.0, 1e-2, 1e-4]
    folds = split.nested(POINTS)
    targets = {"mild": field(), "noisy": field(scale=100, noise=4)}
    found = out_of_fold(Ridge(penalties=penalties), folds, targets, seed=0)
    for task, target in targets.items():
        y = target.values
        for fold in folds:
            Z = standardised(fold)
            error = {
                penalty: sum(
                    np.sum((_sklearn_ridge(Z, y, fit, penalty).predict(Z[check]) - y[check]) ** 2)
                    for fit, check in fold.inner
                )
                for penalty in penalties
            }
            expected = _sklearn_ridge(Z, y, fold.train, min(error, key=error.get)).predict(Z[fold.test])
            assert np.allclose(found[task].values[fold.test], expected, rtol=1e-9, atol=1e-9)


def _sklearn_ridge(Z, y, rows, penalty):
    return linear_model.Ridge(alpha=penalty * len(rows)).fit(Z[rows], y[rows])


def test_ridge_accepts_constant_or_repeated_features():
    doubled = np.column_stack([X, X, np.ones(len(X), np.float32)])
    folds = RANDOM.nested(POINTS)
    found = out_of_fold(Ridge(penalties=[1e-6]), folds, X=doubled, targets={"a": field()}, seed=0)
    assert np.isfinite(found["a"].values).all()


def test_logistic_equals_scikit_learn():
    penalty, folds, target = 1e-3, RANDOM.nested(POINTS), classes()
    y = target.values
    head = Logistic(penalties=[penalty], tolerance=1e-5, ranking_tolerance=1e-5, iterations=500)
    found = out_of_fold(head, folds, {"zones": target}, seed=0)["zones"].values
    expected = np.empty_like(y)
    for fold in folds:
        Z = standardised(fold)
        model = linear_model.LogisticRegression(C=1 / (penalty * len(fold.train)), tol=1e-8, max_iter=5000)
        expected[fold.test] = model.fit(Z[fold.train], y[fold.train]).predict(Z[fold.test])
    assert np.mean(found != expected) <= 1 / len(y)


def test_logistic_probabilities_equal_scikit_learn():
    from earthdim.probing.heads.logistic import Problem, principal_axes

    fold, y = RANDOM.nested(POINTS)[0], classes().values
    rows, Z = fold.train, standardised(fold)
    features = principal_axes(Z.astype(np.float32), rows)
    problem = Problem.of(features, y, rows)
    start = np.zeros((len(problem.classes), features.shape[1]), np.float32)
    found, _ = problem.probabilities(problem.minimise(start, 1e-2, 1e-5, 500))
    model = linear_model.LogisticRegression(C=1 / (1e-2 * len(rows)), tol=1e-8, max_iter=5000).fit(
        Z[rows], y[rows]
    )
    assert np.allclose(found.T, model.predict_proba(Z[rows]), atol=2e-3)


def test_logistic_selects_the_penalty_by_balanced_accuracy_on_the_inner_fold():
    target, folds = classes(), RANDOM.nested(POINTS)
    rng = np.random.default_rng(0)
    noisy = np.column_stack([X[:, :4], rng.standard_normal((len(X), 150))]).astype(np.float32)
    penalties = [1.0, 3e-2, 1e-3]
    make = {"tolerance": 1e-5, "ranking_tolerance": 1e-5, "iterations": 2000}
    found = out_of_fold(Logistic(penalties=penalties, **make), folds, X=noisy, targets={"a": target}, seed=0)[
        "a"
    ].values
    for fold in folds:
        Z, (fit, check), y = standardised(fold, noisy), fold.inner[0], target.values
        models = [
            linear_model.LogisticRegression(C=1 / (p * len(fit)), tol=1e-8, max_iter=5000).fit(Z[fit], y[fit])
            for p in penalties
        ]
        best = np.argmax([balanced_accuracy(y[check], model.predict(Z[check])) for model in models])
        model = linear_model.LogisticRegression(
            C=1 / (penalties[best] * len(fold.train)), tol=1e-8, max_iter=5000
        )
        expected = model.fit(Z[fold.train], y[fold.train]).predict(Z[fold.test])
        assert np.mean(found[fold.test] != expected) < 0.04


def test_a_fit_that_does_not_converge_raises():
    head = Logistic(penalties=[1e-6], tolerance=1e-6, ranking_tolerance=1e-6, iterations=3)
    with pytest.raises(ValueError, match=r"^tolerance: after 3 iterations"):
        out_of_fold(head, RANDOM.nested(POINTS), {"zones": classes()}, seed=0)


def _plain_training(Z, y, fold, number, target, seed):
    """Test predictions and activations of one network, trained by a plain loop."""
    fit, check = fold.inner[0]
    regression = target.kind == "regression"
    offset, scale = (y[fit].mean(), y[fit].std()) if regression else (0, 1)
    wanted = torch.tensor((y - offset) / scale, dtype=torch.float32) if regression else torch.tensor(y)
    outputs = 1 if regression else target.classes
    layers = []
    for weight in initial_weights([Z.shape[1], *NETWORK["hidden"], outputs], [seed, number]):
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
        layer.weight.data, layer.bias.data = weight.clone(), torch.zeros(len(weight))
        layers += [layer, torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    weights = [p for p in network.parameters() if p.ndim == 2]
    biases = [p for p in network.parameters() if p.ndim == 1]
    optimiser = torch.optim.AdamW(
        [{"params": weights, "weight_decay": NETWORK["weight_decay"]}, {"params": biases, "weight_decay": 0}]
    )
    loss_of = torch.nn.MSELoss() if regression else torch.nn.CrossEntropyLoss()
    Z = torch.tensor(Z, dtype=torch.float32)
    best, kept = -np.inf, None
    order = batch_rows(fit, NETWORK["steps"], NETWORK["batch"], [seed, number])
    for step, rows in enumerate(order):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, NETWORK["steps"], NETWORK["learning_rate"], NETWORK["warmup"])
        output = network(Z[rows])
        optimiser.zero_grad()
        loss_of(output[:, 0] if regression else output, wanted[rows]).backward()
        optimiser.step()
        if (step + 1) % NETWORK["evaluate_every"] == 0:
            with torch.no_grad():
                output = network(Z[check]).numpy()
            if regression:
                score = -np.mean((output[:, 0] * scale + offset - y[check]) ** 2)
            else:
                score = balanced_accuracy(y[check], output.argmax(axis=1))
            if score > best:
                best, kept = score, {key: value.clone() for key, value in network.state_dict().items()}
    network.load_state_dict(kept)
    with torch.no_grad():
        output, hidden = network(Z[fold.test]).numpy(), network[:-1](Z[fold.test]).numpy()
    return (output[:, 0] * scale + offset if regression else output.argmax(axis=1)), hidden


def test_networks_trained_together_equal_those_trained_alone():
    folds = RANDOM.nested(POINTS)
    targets = {"field": field(scale=50), "zones": classes(), "other": field(noise=1)}
    found = out_of_fold(MLP(**NETWORK), folds, targets, seed=4)
    for task, target in targets.items():
        for number, fold in enumerate(folds):
            Z = standardised(fold)
            predicted, hidden = _plain_training(Z, target.values, fold, number, target, seed=4)
            assert np.allclose(found[task].values[fold.test], predicted, rtol=1e-3, atol=1e-3)
            assert np.allclose(found[task].activations[number], hidden, rtol=1e-3, atol=1e-3)
            assert hidden.shape == (len(fold.test), 8)
            assert (hidden >= 0).all()


def test_the_best_weights_on_the_inner_fold_are_kept():
    """Labels without structure: training beyond the first evaluation only overfits."""
    noise = Target("regression", np.random.default_rng(0).standard_normal(len(X)))
    folds = RANDOM.nested(POINTS)
    long = {**NETWORK, "steps": 400, "batch": 64, "weight_decay": 0.0}
    stopped = out_of_fold(MLP(**{**long, "evaluate_every": 5}), folds, {"a": noise}, seed=0)["a"].values
    last = out_of_fold(MLP(**{**long, "evaluate_every": 400}), folds, {"a": noise}, seed=0)["a"].values
    assert np.mean((stopped - noise.values) ** 2) < 0.8 * np.mean((last - noise.values) ** 2)


@pytest.mark.parametrize(
    "head",
    [
        MLP(**NETWORK),
        Logistic(penalties=[1e-2, 1e-3], tolerance=1e-3, ranking_tolerance=4e-3, iterations=200),
    ],
)
def test_unlabelled_points_are_ignored_and_unseen_classes_never_predicted(head):
    y = classes().values.copy()
    y[::7] = -1
    folds = BLOCKS.nested(POINTS)
    found = out_of_fold(head, folds, {"a": Target("classification", y)}, seed=0)["a"].values
    for fold in folds:
        fit = fold.inner[0][0] if isinstance(head, MLP) else fold.train
        assert np.isin(found[fold.test], y[fit][y[fit] >= 0]).all()
    kept = y >= 0
    assert balanced_accuracy(y[kept], found[kept]) > 1 / 6


def test_an_absent_class_is_never_predicted_even_with_the_highest_output():
    y = classes().values
    kept, lacking = np.flatnonzero(y != 5), np.flatnonzero(y == 5)
    train, test = kept[::2], np.sort(np.concatenate([kept[1::2], lacking]))
    fold = Fold(train, test, [(np.delete(train, np.s_[::4]), train[::4])])
    target = Target("classification", y)
    rising = torch.arange(6.0)[:, None].expand(6, len(test))
    assert set(Loss.of(target, [fold]).read(rising, 0)) == {4}
    head = Logistic(penalties=[1e-2], tolerance=1e-3, ranking_tolerance=4e-3, iterations=200)
    assert 5 not in out_of_fold(head, [fold], {"a": target})["a"].values[test]


def test_a_task_does_not_change_another():
    folds = RANDOM.nested(POINTS)
    head = MLP(**NETWORK)
    alone = out_of_fold(head, folds, {"a": field()}, seed=0)["a"]
    together = out_of_fold(head, folds, {"b": classes(), "a": field()}, seed=0)["a"]
    assert np.allclose(alone.values, together.values, atol=1e-3)


def test_seeds_determine_networks_byte_for_byte():
    folds, head = RANDOM.nested(POINTS), MLP(**NETWORK)
    same, again, other = (out_of_fold(head, folds, {"a": field()}, seed=s)["a"].values for s in (0, 0, 1))
    assert same.tobytes() == again.tobytes()
    assert not np.allclose(same, other)


def test_the_learning_rate_rises_and_decays():
    rates = [learning_rate(step, 100, 0.01, 0.1) for step in range(100)]
    assert rates[0] == pytest.approx(0.001, rel=0.01)
    assert np.argmax(rates) == 9
    assert rates[-1] < 1e-5
    assert learning_rate(0, 100, 0.01, 0.0) == 0.01


def test_batches_visit_all_rows_before_repeating_any():
    rows = batch_rows(np.arange(50, 60), steps=5, batch=4, seed=[0, 0]).ravel()
    assert np.array_equal(np.sort(rows[:10]), np.arange(50, 60))
    assert np.array_equal(np.sort(rows[10:]), np.arange(50, 60))


@pytest.mark.parametrize(
    ("head", "changes", "name"),
    [
        (Ridge, {"penalties": []}, "penalties"),
        (Ridge, {"penalties": [1.0, 0.0]}, "penalties"),
        (Logistic, {"penalties": [-1.0]}, "penalties"),
        (Logistic, {"tolerance": 0}, "tolerance"),
        (Logistic, {"iterations": 0}, "iterations"),
        (MLP, {"hidden": []}, "hidden"),
        (MLP, {"steps": 0}, "steps"),
        (MLP, {"warmup": 1.0}, "warmup"),
        (MLP, {"weight_decay": -1.0}, "weight_decay"),
    ],
)
def test_numbers_out_of_range_raise(head, changes, name):
    sound = {
        Ridge: {"penalties": [1.0]},
        Logistic: {"penalties": [1.0], "tolerance": 1e-3, "ranking_tolerance": 1e-3, "iterations": 10},
        MLP: NETWORK,
    }
    with pytest.raises(ValueError, match=f"^{name} must"):
        head(**{**sound[head], **changes})


@pytest.mark.parametrize("group", ["head", "split"])
def test_every_leaf_builds(group):
    leaves = sorted((Path(__file__).parents[3] / "config" / group).glob("*.yaml"))
    assert leaves
    for leaf in leaves:
        build(yaml.safe_load(leaf.read_text()))
