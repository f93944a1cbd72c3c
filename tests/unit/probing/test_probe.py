import numpy as np
import pytest
import torch
from probe_data import sphere, waves, zones

from earthdim.geo import equal_area_blocks
from earthdim.probing.heads.base import standardise
from earthdim.probing.heads.logistic import Logistic
from earthdim.probing.heads.mlp import MLP
from earthdim.probing.heads.ridge import Ridge
from earthdim.probing.metrics import BlockBootstrap, balanced_accuracy
from earthdim.probing.probe import make_target, probe
from earthdim.probing.splits import RandomFolds, SpatialBlocks
from earthdim.storage.schema import SCORE

torch.set_num_threads(1)

POINTS = sphere(600)
X = waves(POINTS, 32, 1.5)
FIELD = waves(POINTS, 1, 1.5, seed=5)[:, 0].astype(np.float64)
ZONES = zones(POINTS, 5)
LABELS = {"field": ("regression", FIELD), "zones": ("classification", ZONES)}
HEADS = {
    "ridge": Ridge(penalties=[1.0, 1e-2, 1e-4]),
    "logistic": Logistic(
        penalties=[1e-1, 1e-2, 1e-3], tolerance=1e-3, ranking_tolerance=4e-3, iterations=300
    ),
    "mlp": MLP(
        hidden=[16, 8],
        steps=150,
        batch=64,
        learning_rate=0.01,
        warmup=0.1,
        weight_decay=0.1,
        evaluate_every=25,
    ),
}
INTERVALS = BlockBootstrap(degrees=15, draws=1000, level=0.95, seed=0)
SPLITS = {
    "random": RandomFolds(folds=5, inner_folds=4, smallest_class=10, seed=0),
    "blocks": SpatialBlocks(folds=5, inner_folds=4, degrees=30, buffer_km=200, smallest_class=10, seed=0),
}


@pytest.fixture(scope="module")
def result():
    return probe(X, POINTS, LABELS, SPLITS, HEADS, seed=0, intervals=INTERVALS)


def primary(result, task, split, head):
    rows = result.rows.query("primary and task == @task and split == @split and head == @head")
    assert len(rows) == 1
    return rows.iloc[0]


def test_the_table_has_a_row_for_every_metric_of_every_head_that_applies(result):
    assert tuple(result.rows.columns) == SCORE
    found = set(result.rows[["task", "split", "head", "metric"]].itertuples(index=False, name=None))
    wanted = {("field", s, h, m) for s in SPLITS for h in ("ridge", "mlp") for m in ("r2", "rmse", "mae")}
    wanted |= {
        ("zones", s, h, m)
        for s in SPLITS
        for h in ("logistic", "mlp")
        for m in ("balanced_accuracy", "accuracy")
    }
    assert found == wanted
    assert len(result.rows) == len(wanted)
    assert (result.rows["folds"] == 5).all()
    assert (result.rows["low"] <= result.rows["value"]).all()
    assert (result.rows["value"] <= result.rows["high"]).all()


def test_smooth_labels_are_learnt_and_score_higher_in_random_splits(result):
    for task, linear in (("field", "ridge"), ("zones", "logistic")):
        for head in (linear, "mlp"):
            assert primary(result, task, "random", head)["value"] > 0.8
        near, far = (primary(result, task, split, "mlp")["value"] for split in ("random", "blocks"))
        assert far < near


def test_activations_cover_all_test_points_of_every_fold(result):
    assert set(result.activations) == {(task, split, "mlp") for task in LABELS for split in SPLITS}
    for (_, split, _), arrays in result.activations.items():
        assert [len(array) for array in arrays] == [len(test) for _, test in SPLITS[split].folds(POINTS)]
        assert all(array.shape[1] == 8 and array.dtype == np.float32 for array in arrays)


def test_shuffled_labels_never_score_above_chance():
    rng = np.random.default_rng(0)
    shuffled = {f"field{i}": ("regression", rng.permutation(FIELD)) for i in range(3)}
    shuffled |= {f"zones{i}": ("classification", rng.permutation(ZONES)) for i in range(3)}
    rows = probe(X, POINTS, shuffled, SPLITS, HEADS, seed=0, intervals=INTERVALS).rows.query("primary")
    chance = np.where(rows["metric"] == "r2", 0, 1 / 5)
    # Three standard errors of a proportion of 600 points in five classes.
    assert (rows["value"] <= chance + 0.05).all()
    assert (rows["low"] > chance).mean() <= 0.1


def test_the_same_arguments_give_the_same_bytes(result):
    again = probe(X, POINTS, LABELS, SPLITS, HEADS, seed=0, intervals=INTERVALS)
    assert again.rows.to_csv() == result.rows.to_csv()
    key = ("zones", "blocks", "mlp")
    assert all(
        a.tobytes() == b.tobytes()
        for a, b in zip(again.activations[key], result.activations[key], strict=True)
    )


def test_small_classes_and_points_without_a_label_are_left_out():
    y = ZONES.copy()
    y[:50] = -1
    y[50:57] = 99
    rows = probe(
        X, POINTS, {"a": ("classification", y)}, SPLITS, {"l": HEADS["logistic"]}, seed=0, intervals=INTERVALS
    ).rows
    assert set(rows.query("metric == 'accuracy'")["n"]) == {600 - 57}


def test_a_class_of_a_single_block_counts_only_in_accuracy():
    block = equal_area_blocks(POINTS, 30)
    local = block == np.argmax(np.bincount(block))
    y = np.where(local, 99, ZONES)
    rows = probe(
        X, POINTS, {"a": ("classification", y)}, SPLITS, {"l": HEADS["logistic"]}, seed=0, intervals=INTERVALS
    ).rows
    n = rows.set_index(["split", "metric"])["n"]
    assert n["blocks", "balanced_accuracy"] == 600 - local.sum()
    assert n["blocks", "accuracy"] == n["random", "balanced_accuracy"] == 600


def test_scores_are_computed_once_over_pooled_predictions(result):
    target = make_target("zones", "classification", ZONES, 600, 10)
    folds = SPLITS["random"].nested(POINTS)
    out = HEADS["logistic"].out_of_fold(standardise(X, folds), folds, {"zones": target}, seed=0)["zones"]
    assert primary(result, "zones", "random", "logistic")["value"] == pytest.approx(
        balanced_accuracy(target.values, out.values)
    )


def test_classes_are_numbered_without_gaps():
    target = make_target("a", "classification", np.array([7, 7, -1, 3, 3, 12]), 6, 2)
    assert target.values.tolist() == [1, 1, -1, 0, 0, -1]
    assert target.classes == 2


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("regression", np.where(np.arange(600) == 3, np.nan, FIELD), "labels: a has a value"),
        ("regression", FIELD[:-1], "labels: a must have one label"),
        ("classification", FIELD, "labels: a must have integer"),
        ("ranking", FIELD, "kind: a must be"),
    ],
)
def test_labels_that_cannot_be_learnt_are_named(kind, values, words):
    with pytest.raises(ValueError, match=f"^{words}"):
        probe(X, POINTS, {"a": (kind, values)}, SPLITS, HEADS, seed=0, intervals=INTERVALS)


def primaries(result):
    return {
        (row.task, row.split, row.head): row.value for row in result.rows[result.rows["primary"]].itertuples()
    }


@pytest.mark.parametrize(
    ("kind", "values", "reason"),
    [
        ("regression", np.ones(600), "labels: a is constant"),
        ("classification", np.arange(600), "smallest_class: a has 0 classes"),
        ("classification", np.zeros(600, dtype=int), "smallest_class: a has 1 classes"),
    ],
)
def test_a_task_that_cannot_be_learnt_is_left_out_and_the_others_are_scored(result, kind, values, reason):
    found = probe(X, POINTS, {**LABELS, "a": (kind, values)}, SPLITS, HEADS, seed=0, intervals=INTERVALS)
    assert primaries(found) == primaries(result)
    left = found.left_out
    assert set(left[["what", "name", "split"]].itertuples(index=False, name=None)) == {
        ("task", "a", "random"),
        ("task", "a", "blocks"),
    }
    assert left["reason"].str.startswith(reason).all()
    assert not len(result.left_out)


def test_a_region_has_random_scores_and_no_blocks():
    """720 locations within 0.1 degree: a single block at any block size, so there are no intervals either."""
    near = POINTS * [1 / 4000, 1 / 2000] + [-95.8, 41.9]
    assert len(np.unique(equal_area_blocks(near, 15))) == 1
    found = probe(X, near, LABELS, SPLITS, HEADS, seed=0, intervals=INTERVALS)
    assert set(found.rows["split"]) == {"random"}
    assert found.rows["value"].notna().all()
    assert found.rows[["low", "high"]].isna().all(axis=None)
    assert found.rows["note"].str.startswith("no interval: degrees: 1 blocks").all()
    whole = probe(X, POINTS, LABELS, {"random": SPLITS["random"]}, HEADS, seed=0, intervals=INTERVALS)
    assert primaries(found) == pytest.approx(primaries(whole))
    (split,) = found.left_out.query("what == 'split'").itertuples()
    assert (split.name, split.split) == ("blocks", "blocks")
    assert "1 blocks of 30 degrees, too few for 5 folds" in split.reason
    assert set(found.left_out["what"]) == {"split", "interval"}


def test_a_buffer_wider_than_the_region_leaves_the_split_out():
    wide = SpatialBlocks(folds=5, inner_folds=4, degrees=30, buffer_km=19_000, smallest_class=10, seed=0)
    splits = {"wide": wide, "random": SPLITS["random"]}
    found = probe(X, POINTS, LABELS, splits, {"ridge": HEADS["ridge"]}, seed=0, intervals=INTERVALS)
    assert set(found.rows["split"]) == {"random"}
    assert found.left_out["reason"].tolist() == ["buffer_km: 19000 km leaves a fold without training points"]


def test_a_head_that_does_not_converge_is_left_out_of_that_task_only(result):
    hasty = Logistic(penalties=[1e-12], tolerance=1e-7, ranking_tolerance=1e-7, iterations=2)
    tasks = {**LABELS, "easy": ("classification", ZONES)}
    heads = {"hasty": hasty, "ridge": HEADS["ridge"], "logistic": HEADS["logistic"]}
    found = probe(X, POINTS, tasks, {"random": SPLITS["random"]}, heads, seed=0, intervals=INTERVALS)
    left = found.left_out
    assert left[["what", "name", "task"]].to_numpy().tolist() == [
        ["head", "hasty", "zones"],
        ["head", "hasty", "easy"],
    ]
    assert left["reason"].str.startswith("tolerance: after 2 iterations").all()
    for head, task in (("ridge", "field"), ("logistic", "zones")):
        assert primary(found, task, "random", head)["value"] == primary(result, task, "random", head)["value"]


def test_tasks_whose_folds_cannot_be_validated_are_left_out():
    """Each class fills one block, so a fold is fitted to classes that do not occur in its validation points."""
    centres = np.array([[lon, 0.0] for lon in range(-170, 170, 34)])
    at = np.repeat(centres, 60, axis=0)
    y = np.repeat(np.arange(10), 60)
    tasks = {"blocky": ("classification", y), "field": ("regression", FIELD)}
    heads = {name: HEADS[name] for name in ("ridge", "logistic", "mlp")}
    found = probe(X, at, tasks, {"blocks": SPLITS["blocks"]}, heads, seed=0, intervals=INTERVALS)
    assert found.left_out.query("what == 'task'")["name"].tolist() == ["blocky"]
    assert "no point to choose by" in found.left_out.query("what == 'task'")["reason"].item()
    assert set(found.rows["task"]) == {"field"}


def test_invalid_embeddings_raise():
    with pytest.raises(ValueError, match=r"^X must have the shape"):
        probe(X[:-1], POINTS, LABELS, SPLITS, HEADS, seed=0, intervals=INTERVALS)
    broken = X.copy()
    broken[5, 3] = np.inf
    with pytest.raises(ValueError, match=r"^X: "):
        probe(broken, POINTS, LABELS, SPLITS, HEADS, seed=0, intervals=INTERVALS)
