"""Controls of cells, on tables with known answers."""

import numpy as np
import pandas as pd
import pytest
from control_tables import CELL, KINDS, TASKS, World
from correlation_tables import pick

from earthdim.analysis.controls import chance_bound, controls_table
from earthdim.storage.schema import COLUMNS


def controls(world, **more):
    return controls_table(
        *world.tables(), **{"cell": CELL, "kinds": KINDS, "retrieval": world.retrieval(), **more}
    )


def row(world, control, resolution="l1", **more):
    return pick(controls(world), control=control, resolution=resolution, **more)


def test_one_row_per_cell_control_split_and_kind_of_heads():
    table = controls(World())
    assert tuple(table.columns) == COLUMNS["controls"]
    key = ["resolution", "control", "split", "head"]
    assert not table.duplicated(key).any()
    expected = [("own target", "blocks"), ("selection", "random"), ("selection", "blocks")]
    found = set(table.loc[table["head"] != "", key[1:]].itertuples(index=False, name=None))
    assert found == {(*at, kind) for at in expected for kind in KINDS}
    assert len(table) == 2 * (3 * 2 + 1)
    assert (table["passed"] == "yes").all()
    decides = table.groupby(["control", "split"])["decides"].agg(set).to_dict()
    assert decides == {
        ("own target", "blocks"): {"yes"},
        ("selection", "random"): {"yes"},
        ("selection", "blocks"): {"no"},
        ("shuffled", ""): {"yes"},
    }
    assert table.groupby("control")["kind"].agg(set).to_dict() == {
        "own target": {"positive"}, "selection": {"positive"}, "shuffled": {"negative"},
    }  # fmt: skip


def test_values_are_means_over_the_tasks_of_the_control():
    world = World()
    world.score(0.9, "trained", task="water", head="ridge", split="random")
    world.score(0.7, "trained", task="zone", head="logistic", split="random")
    world.score(0.4, "untrained", task="water", head="ridge", split="random")
    world.score(-5.0, "trained", task="people")  # a task of the claims decides no control
    found = row(world, "selection", split="random", head="linear")
    assert found["tasks"] == 2
    assert found["value"] == pytest.approx(0.8)
    assert found["twin"] == pytest.approx(0.5)
    assert found["raw"] == pytest.approx(0.5)
    assert np.isnan(found["coordinates"])
    assert found["margin"] == pytest.approx(0.3)
    assert (found["seeds"], found["seeds_passed"], found["passed"]) == (1, 1, "yes")
    own = row(world, "own target", head="linear")
    assert own["tasks"] == 1
    assert own["coordinates"] == pytest.approx(0.5)
    assert np.isnan(own["raw"])
    assert own["margin"] == pytest.approx(0.2)  # the twin is nearer


@pytest.mark.parametrize(
    ("control", "split", "weights", "named"),
    [
        ("own target", "blocks", "untrained", "twin"),
        ("own target", "blocks", "raw", "coordinates"),
        ("selection", "random", "untrained", "twin"),
        ("selection", "random", "raw", "raw"),
    ],
)
@pytest.mark.parametrize(("head", "kind"), [("mlp", "MLP"), (None, "linear")])
@pytest.mark.parametrize("score", [0.85, 0.8])
def test_a_cell_fails_unless_it_is_above_both(control, split, weights, named, head, kind, score):
    world = World()
    world.score(score, weights, split=split, head=head)
    found = row(world, control, split=split, head=kind)
    assert found["passed"] == "no"
    assert found["reason"].startswith(f"0.800 not above {named} {score:.3f}")
    assert found["margin"] == pytest.approx(0.8 - score)


def test_another_split_does_not_change_a_control():
    world = World()
    world.score(0.99, "untrained", split="random")
    table = controls(world)
    assert set(table.loc[table["split"] == "blocks", "passed"]) == {"yes"}
    assert set(table.loc[table["split"] == "random", "passed"]) == {"no"}


def test_a_missing_twin_is_named_and_fails_nothing():
    world = World()
    world.variants["net_l1_trained_s0"]["twin"] = ""
    found = row(world, "selection", split="random", head="MLP")
    assert found["passed"] == "yes"
    assert np.isnan(found["twin"])
    assert found["reason"] == "twin not in the experiment"
    world.score(None, "raw")
    found = row(world, "selection", split="random", head="MLP")
    assert found["passed"] == "not available"
    assert found["seeds"] == 0
    assert found["value"] == pytest.approx(0.8)
    assert found["reason"] == "twin not in the experiment; raw has no score in all of these tasks"


def test_a_twin_without_this_head_is_not_compared():
    world = World()
    world.score(None, "untrained", head="mlp")
    found = row(world, "selection", split="random", head="MLP")
    assert np.isnan(found["twin"])
    assert "twin has no score" in found["reason"]
    assert not np.isnan(row(world, "selection", split="random", head="linear")["twin"])


def test_a_twin_without_one_of_the_tasks_is_not_compared():
    world = World()
    world.score(None, "untrained", head="mlp", task="zone")
    world.score(9.0, "untrained", head="mlp", task="water")
    found = row(world, "selection", split="random", head="MLP")
    assert np.isnan(found["twin"])
    assert found["passed"] == "yes"


def test_without_raw_encodings_nothing_is_compared_with_them():
    world = World()
    world.remove(*(name for name, row in world.variants.items() if row["weights"] == "raw"))
    table = controls(world)
    assert table[["raw", "coordinates"]].isna().all(axis=None)
    assert set(table["passed"]) == {"yes"}
    assert "coordinates not in the experiment" in row(world, "own target", head="MLP")["reason"]
    assert "raw not in the experiment" in row(world, "selection", head="MLP", split="random")["reason"]


def test_without_the_split_or_the_tasks_a_control_is_not_available():
    world = World()
    world.scores = {key: value for key, value in world.scores.items() if key[1] == "random"}
    found = row(world, "own target", head="MLP")
    assert found["passed"] == "not available"
    assert found["reason"] == "no score in all of colour with split blocks, MLP heads"
    world.scores = {key: value for key, value in world.scores.items() if key[3] == "people"}
    table = controls(world)
    assert set(table.loc[table["control"] != "shuffled", "passed"]) == {"not available"}
    reasons = table.groupby("control")["reason"].agg(set)
    assert reasons["own target"] == {"no task is leaked by its sources"}
    assert reasons["selection"] == {"no task of the set selection"}


def test_a_selection_task_that_the_sources_leak_is_the_own_target_instead(monkeypatch):
    monkeypatch.setitem(TASKS, "water", ("selection", "regression", "yes"))
    found = controls(World()).groupby("control")["tasks"].agg(set)
    assert found["own target"] == {2}
    assert found["selection"] == {1}


def test_every_seed_must_pass():
    world = World(seeds=(0, 1))
    world.score(0.95, "trained", seed=0)
    world.score(0.55, "trained", seed=1)
    found = row(world, "selection", split="random", head="MLP")
    assert found["value"] == pytest.approx(0.75)
    assert found["margin"] == pytest.approx(0.15)  # the mean is above both
    assert (found["seeds"], found["seeds_passed"], found["passed"]) == (2, 1, "no")
    assert found["reason"] == "1 of 2 seeds fail"


def test_seeds_are_compared_with_their_own_twin():
    world = World(seeds=(0, 1))
    world.score(0.3, "trained", seed=0)
    world.score(0.2, "untrained", seed=0)
    world.score(0.1, "raw", seed=0)
    found = row(world, "selection", split="random", head="MLP")
    assert found["seeds_passed"] == 2
    assert found["twin"] == pytest.approx(0.4)
    assert found["raw"] == pytest.approx(0.3)


def test_a_raw_encoding_without_a_seed_serves_every_seed():
    world = World(seeds=(0, 1))
    world.remove("net_l1_raw_s1")
    world.variants["net_l1_raw_s0"]["seed"] = ""
    world.variants["net_l1_trained_s1"]["raw"] = "net_l1_raw_s0"
    found = row(world, "selection", split="random", head="MLP")
    assert found["raw"] == pytest.approx(0.5)
    assert found["seeds_passed"] == 2


def test_the_raw_encoding_is_that_of_the_same_resolution():
    world = World()
    world.score(0.95, "raw", level="l2")
    assert row(world, "selection", "l1", split="random", head="MLP")["passed"] == "yes"
    assert row(world, "selection", "l2", split="random", head="MLP")["passed"] == "no"


def test_the_bound_of_chance_is_the_binomial_quantile():
    # Binomial probabilities, written out: P(X <= k) for 20 rows among 4 candidates.
    p = np.cumsum([_choose(20, k) * 0.25**k * 0.75 ** (20 - k) for k in range(21)])
    assert chance_bound(4, 20) == np.flatnonzero(p >= 0.999)[0] / 20
    rng = np.random.default_rng(0)
    above = rng.binomial(4096, 1 / 1024, 100_000) / 4096 > chance_bound(1024, 4096)
    assert above.mean() < 0.001


def _choose(n, k):
    return np.prod([(n - i) / (i + 1) for i in range(k)])


def test_shuffled_pairs_within_chance_pass_and_above_fail():
    world = World()
    bound = chance_bound(1024, 4096)
    found = row(world, "shuffled")
    assert (found["passed"], found["shuffled"]) == ("yes", pytest.approx(0.001))
    assert found["margin"] == pytest.approx(bound - 0.001)
    assert found["value"] == pytest.approx(0.9)
    assert found["reason"] == f"top-1 0.0010, bound {bound:.4f}; val_top1, since there is no region_top1"
    world.variants["net_l1_shuffled_s0"]["val_top1"] = bound + 0.001
    assert row(world, "shuffled")["passed"] == "no"
    assert row(world, "shuffled", "l2")["passed"] == "yes"
    world.variants["net_l1_shuffled_s0"]["region_top1"] = 0.002
    found = row(world, "shuffled")
    assert (found["passed"], found["shuffled"]) == ("yes", pytest.approx(0.002))
    assert found["margin"] == pytest.approx(chance_bound(1024, 2048) - 0.002)
    assert "val_top1" not in found["reason"]


def test_one_shuffled_seed_above_chance_fails():
    world = World(seeds=(0, 1))
    world.variants["net_l1_shuffled_s1"]["val_top1"] = 0.006
    found = row(world, "shuffled")
    assert (found["seeds"], found["seeds_passed"], found["passed"]) == (2, 1, "no")
    assert "1 of 2 seeds fail" in found["reason"]


def test_without_shuffled_pairs_or_retrieval_the_control_is_not_available():
    world = World()
    world.variants["net_l1_shuffled_s0"]["val_top1"] = ""
    found = row(world, "shuffled")
    assert found["passed"] == "not available"
    assert found["reason"].startswith("no retrieval")
    world.remove("net_l1_shuffled_s0")
    assert row(world, "shuffled")["reason"] == "no variant with shuffled pairs"
    world.variants["net_l2_trained_s0"]["shuffled"] = ""
    assert row(world, "shuffled", "l2")["passed"] == "not available"


def test_a_counterpart_that_is_not_named_is_not_sought():
    world = World()
    world.variants["net_l1_trained_s0"] |= {"raw": "", "shuffled": ""}
    assert np.isnan(row(world, "selection", split="random", head="MLP")["raw"])
    assert row(world, "shuffled")["passed"] == "not available"


def test_scores_at_other_points_are_not_compared():
    world = World()
    world.points["coordinates"] = "stations"
    world.score(0.9, "raw", task="colour")
    found = row(world, "own target", head="MLP")
    assert (found["passed"], found["reason"]) == ("yes", "coordinates probed at other points")
    assert np.isnan(found["coordinates"])


def test_seeds_without_scores_are_named():
    world = World(seeds=(0, 1))
    world.score(None, "trained", seed=1, task="water")
    found = row(world, "selection", split="random", head="MLP")
    assert (found["seeds"], found["passed"]) == (1, "yes")
    assert found["reason"] == "1 of 2 seeds have no score in all of these tasks"


def test_counterparts_that_the_variants_table_names_are_used():
    world = World()
    world.variants["net_l1_trained_s0"] |= {"raw": "net_l2_raw_s0", "shuffled": "net_l2_shuffled_s0"}
    world.score(0.1, "raw", level="l2")
    world.variants["net_l2_shuffled_s0"]["val_top1"] = 0.5
    assert row(world, "selection", split="random", head="MLP")["raw"] == pytest.approx(0.1)
    assert row(world, "shuffled")["shuffled"] == 0.5


def test_controls_are_tested_for_cells_of_the_correlation_alone():
    table = controls(World())
    assert set(table["family"]) == {"net"}
    world = World()
    world.add("mine", "custom", "", "own", "", family="custom", counted=True)
    table = controls(world)
    mine = table[table["family"] == "custom"]
    assert set(mine["passed"]) == {"not available"}


def test_a_table_without_a_column_is_named():
    variants, probe = World().tables()
    with pytest.raises(ValueError, match="probe: the table lacks the column task_set"):
        controls_table(variants, probe.drop(columns="task_set"), CELL, KINDS, {})


def test_values_survive_a_file(tmp_path):
    from earthdim.storage.files import read_table, write_table

    world, paths = World(), [tmp_path / "variants.csv", tmp_path / "probe.csv"]
    for table, path in zip(world.tables(), paths, strict=True):
        write_table(table, path)
    again = controls_table(*map(read_table, paths), CELL, KINDS, world.retrieval())
    pd.testing.assert_frame_equal(again, controls(world))
