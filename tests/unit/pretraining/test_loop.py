"""Pre-training learns, keeps its best state, and is deterministic given the seed."""

import numpy as np
import pytest
import torch
from pretraining_data import MODEL, OBJECTIVES, SCHEDULE, encoder, model

from earthdim.data.samples import area as samples
from earthdim.pretraining.loop import _batches, learning_rate_factor, pretrain
from earthdim.pretraining.modalities.observations import standardise
from earthdim.pretraining.rows import Rows
from earthdim.storage.files import read_table, write_json, write_table


@pytest.fixture(autouse=True)
def one_thread():
    """One thread, as in all jobs; small products are slow on several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def data():
    """Locations, features computed from them, and the held-out rows."""
    lonlat, validation_rows = samples.sphere(464, np.random.default_rng(0)), np.arange(400, 464)
    features = {"a": np.sin(lonlat @ np.random.default_rng(1).normal(size=(2, 6)) / 40).astype(np.float32)}
    return lonlat, validation_rows, features


def train(data, model=MODEL, schedule=SCHEDULE, seed=0, trained=None, log=lambda line: None, features=None):
    lonlat, _, own = data
    features = own if features is None else features
    return pretrain(trained or encoder(), features, lonlat, rows_of(data), model, schedule, seed, log)


def rows_of(data, regions=()):
    """All rows but those held out are for training."""
    held_out = np.concatenate((data[1], np.array(regions, dtype=int)))
    return Rows(np.setdiff1d(np.arange(len(data[0])), held_out), data[1], np.array(regions, dtype=int))


def features_for(objective, data):
    """Features computed from the location; for presences, its octant of the globe."""
    if objective != "PresenceOnly":
        return data[2]
    octant = (data[0][:, 0] // 90 + 2).astype(int) + 4 * (data[0][:, 1] > 0)
    return {"octant": np.eye(8, dtype=np.float32)[octant]}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_lowers_its_loss_on_held_out_rows(data, objective):
    lines, features = [], features_for(objective, data)
    schedule = SCHEDULE | {"evaluate_every": 4}
    result = train(
        data, model(objective), schedule, trained=encoder(0.1), log=lines.append, features=features
    )
    assert result.losses.val_loss < 0.8 * result.curve["val_loss"].iloc[0]
    paired = objective not in ("PresenceOnly", "Regression")
    assert (result.losses.val_top1 is not None) == paired == ("top-1" in lines[-1])
    if paired:
        assert result.losses.val_top1 > 5 / 64


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_is_deterministic_given_the_seed(data, objective):
    """Evaluations do not affect training: it does not depend on how often they happen."""
    features, schedule = features_for(objective, data), SCHEDULE | {"steps": 12, "evaluate_every": 6}
    seldom, again, often = (
        train(
            data, model(objective), schedule | {"evaluate_every": n}, trained=encoder(0.3), features=features
        )
        for n in (12, 12, 4)
    )
    assert seldom.curve.equals(again.curve)
    assert all(torch.equal(seldom.state[name], again.state[name]) for name in seldom.state)
    assert often.curve["val_loss"].iloc[-1] == seldom.curve["val_loss"].iloc[-1]


@pytest.mark.parametrize("objective", ["CSP", "GeoCLIP", "PresenceOnly"])
def test_evaluations_use_the_same_random_draws(data, objective):
    """If nothing is learned, the validation loss is the same at every step."""
    frozen = model(objective) | {"optimiser": {"lr": 1e-30, "weight_decay": 0.0}}
    result = train(data, frozen, trained=encoder(0.3), features=features_for(objective, data))
    assert result.curve["val_loss"].nunique() == 1


def test_a_non_contrastive_objective_leaves_empty_cells(data, tmp_path):
    result = train(data, model("Regression"))
    assert result.losses.val_top1 is None
    write_table(result.curve, tmp_path / "training.csv")
    write_json({"val_top1": result.losses.val_top1}, tmp_path / "summary.json")
    assert (tmp_path / "training.csv").read_text().splitlines()[1].endswith(",,,,")
    assert read_table(tmp_path / "training.csv")["val_top1"].isna().all()
    assert "null" in (tmp_path / "summary.json").read_text()


def test_an_objective_for_classes_rejects_features(data):
    with pytest.raises(ValueError, match=r"^sources\.a: the objective needs classes"):
        train(data, model("PresenceOnly"))


def test_a_second_pass_needs_dropout(data):
    with pytest.raises(ValueError, match=r"^objective\.simcse_weight"):
        train(data, model("CSP"), trained=encoder(0.0))


def test_training_finds_the_pairs(data):
    lines = []
    result = train(data, log=lines.append)
    assert result.curve["step"].tolist() == [20, 40, 60]
    assert list(result.curve) == [
        "step", "train_loss", "val_loss", "val_top1", "region_loss", "region_top1", "logit_scale",
    ]  # fmt: skip
    assert result.losses.val_loss < np.log(32) - 1
    assert result.losses.val_top1 > 10 / 64
    assert len(lines) == 3
    assert "60/60" in lines[-1]


def test_shuffled_pairs_are_not_learned(data):
    shuffled = {"a": np.random.default_rng(0).permutation(data[2]["a"])}
    result = train(data, features=shuffled)
    assert result.losses.val_loss > np.log(32) - 0.2
    assert result.losses.val_top1 < 6 / 64


def test_the_best_state_is_kept(data):
    """Random pairs are memorised, so the validation loss rises; the encoder returns to its best state."""
    shuffled = {"a": np.random.default_rng(0).permutation(data[2]["a"])}
    schedule = SCHEDULE | {"steps": 200, "evaluate_every": 10}
    trained, weights = encoder(), []
    result = train(
        data,
        features=shuffled,
        schedule=schedule,
        trained=trained,
        log=lambda line: weights.append(trained.network[0].weight.detach().clone()),
    )
    row = result.curve["val_loss"].idxmin()
    best = result.curve.loc[row]
    assert row < len(weights) - 1
    assert (result.step, result.losses.val_loss, result.losses.val_top1) == (
        best.step,
        best.val_loss,
        best.val_top1,
    )
    assert torch.equal(result.state["network.0.weight"], weights[row])
    assert torch.equal(trained.network[0].weight, weights[row])


def test_training_does_not_depend_on_the_global_random_state(data):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first = train(data, trained=encoder(0.3))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(8)
    second, other = (train(data, seed=seed, trained=encoder(0.3)) for seed in (0, 1))
    assert first.curve.equals(second.curve)
    assert all(torch.equal(first.state[name], second.state[name]) for name in first.state)
    assert not first.curve.equals(other.curve)


def test_the_curve_has_the_mean_training_loss_since_the_previous_evaluation(data):
    coarse, fine = (train(data, schedule=SCHEDULE | {"evaluate_every": n}).curve for n in (20, 1))
    means = fine["train_loss"].to_numpy().reshape(3, 20).mean(1)
    np.testing.assert_allclose(coarse["train_loss"], means, rtol=1e-12)
    np.testing.assert_array_equal(coarse["val_loss"], fine["val_loss"][19::20])


def test_dropout_is_active_only_in_training(data):
    """Training steps run in training mode, evaluations in evaluation mode."""
    trained, modes = encoder(0.3), set()
    trained.network.register_forward_hook(
        lambda module, *_: modes.add((module.training, torch.is_grad_enabled()))
    )
    train(data, trained=trained)
    assert modes == {(True, True), (False, False)}
    assert not trained.training


def test_held_out_rows_do_not_affect_the_weights(data):
    """Changing the held-out features changes the validation loss, but no weight."""
    _, validation_rows, features = data
    schedule = SCHEDULE | {"evaluate_every": 60}
    spoilt = {"a": features["a"].copy()}
    spoilt["a"][validation_rows] = np.random.default_rng(0).normal(size=(64, 6))
    one, two = (train(data, schedule=schedule, features=f) for f in (features, spoilt))
    assert all(torch.equal(one.state[name], two.state[name]) for name in one.state)
    assert two.losses.val_loss > one.losses.val_loss + 0.5


def test_a_loss_that_is_not_finite_raises_with_its_step(data):
    with pytest.raises(FloatingPointError, match="nan at step 2;"):
        train(data, model=MODEL | {"optimiser": {"lr": 1e30, "weight_decay": 0.0}})


def test_a_validation_loss_that_is_not_finite_raises(data):
    broken = encoder()
    broken.network.register_forward_hook(lambda module, _, z: z if module.training else z * torch.nan)
    with pytest.raises(FloatingPointError, match="nan at step 20;"):
        train(data, trained=broken)


def test_batches_visit_every_row_once_per_epoch():
    rows = np.arange(100, 133)
    drawn = _batches(rows, 8, np.random.default_rng(0))
    first, second = (np.concatenate([next(drawn) for _ in range(4)]) for _ in range(2))
    assert len(np.unique(first)) == len(np.unique(second)) == 32
    assert np.isin(first, rows).all()
    assert not np.array_equal(first, second)


def test_learning_rate_warms_up_and_decays():
    factors = [learning_rate_factor(step, 100, 10) for step in range(1, 101)]
    assert factors[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert np.all(np.diff(factors[9:]) < 0)
    assert 0 < factors[-1] < 0.001
    assert learning_rate_factor(55, 99, 10) == pytest.approx(0.5)
    assert learning_rate_factor(1, 100, 0) > 0.999


def test_sources_have_equal_weight():
    rng = np.random.default_rng(0)
    wide, narrow = rng.normal(3, 50, (500, 12)), rng.normal(-1, 0.01, (500, 4))
    narrow[:, 0] = 0.1
    rows = np.arange(400)
    observations = standardise({"wide": wide, "narrow": narrow}, rows)
    assert observations.dtype == np.float32
    variance = observations[rows].var(0)
    np.testing.assert_allclose(variance[:12], 8 / 12, rtol=1e-4)
    np.testing.assert_allclose(variance[12:], [0, 8 / 3, 8 / 3, 8 / 3], rtol=1e-4)
    np.testing.assert_allclose(observations[rows].mean(0), 0, atol=1e-4)
    single = standardise({"wide": wide}, rows)
    np.testing.assert_allclose(single[rows].var(0), 1, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 48}, "batch 48"),
        ({"candidates": 60}, "candidates 60"),
        ({"warmup_steps": 60}, "warmup_steps"),
        ({"batch": 500}, "batch"),
    ],
)
def test_an_inconsistent_schedule_raises(data, change, message):
    with pytest.raises(ValueError, match=message):
        train(data, schedule=SCHEDULE | change)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({}, "sources"),
        ({"a": np.ones((464, 3))}, r"sources\.a: its features are constant"),
        ({"a": np.full((464, 3), np.nan)}, r"sources\.a: its features are not finite"),
        ({"a": np.ones((3, 3))}, r"sources\.a: 3 rows"),
    ],
)
def test_invalid_features_raise(data, features, message):
    with pytest.raises(ValueError, match=message):
        train(data, features=features)


def test_a_long_training_reports_its_progress_and_the_result_does_not_depend_on_it(data):
    """A clock of ten seconds per reading: the loop reads it once per step, and once before."""
    times, lines, quiet = iter(range(0, 10_000, 10)), [], []
    lonlat, _, features = data
    arguments = (features, lonlat, rows_of(data), MODEL, SCHEDULE, 0)
    reported = pretrain(encoder(), *arguments, lines.append, clock=lambda: next(times))
    plain = train(data, log=quiet.append)
    assert [line for line in quiet if " left" in line] == []
    said = [line for line in lines if " left" in line]
    assert len(said) == 29  # every second step, except the last
    assert said[0].startswith("2 of 60 steps (3%), 6 steps/min, loss ")
    assert said[0].endswith("about 9:40 left")
    assert [line for line in lines if line not in said] == quiet
    assert reported.curve.equals(plain.curve)
    assert all(torch.equal(reported.state[name], value) for name, value in plain.state.items())
