"""The gate before the correlation, and its verdict."""

import numpy as np
import pandas as pd
import pytest
from control_tables import CELL, KINDS, World
from correlation_tables import SETTINGS, make_tables, pick

from earthdim.analysis.controls import controls_table
from earthdim.analysis.correlation import correlate, per_family
from earthdim.analysis.gate import failing, left_out_cells, verdict
from earthdim.analysis.statistics.cells import cells
from earthdim.analysis.tables import left_out_table
from earthdim.storage.schema import COLUMNS

L1, L2 = ("net", "net", "l1", "rgb", "short"), ("net", "net", "l2", "rgb", "short")


def controls(world):
    return controls_table(*world.tables(), CELL, KINDS, world.retrieval())


@pytest.fixture
def broken():
    """A world in which training made the cell l2 worse than its twin with the head MLP."""
    world = World()
    world.score(0.85, "untrained", split="random", head="mlp", level="l2")
    return controls(world)


def test_only_controls_that_decide_fail_a_cell(broken):
    assert list(failing(broken, CELL, "enforce")) == [L2]
    world = World()
    world.score(0.99, "untrained", split="blocks", task="water")
    world.score(0.99, "untrained", split="blocks", task="zone")
    table = controls(world)
    assert "no" in set(table["passed"])
    assert failing(table, CELL, "enforce") == {}


def test_the_reason_of_a_failed_cell_names_the_control_the_head_and_the_values(broken):
    (reason,) = failing(broken, CELL, "enforce").values()
    assert reason == "selection, MLP, random: 0.800 not above twin 0.850"


def test_report_leaves_nothing_out(broken):
    assert failing(broken, CELL, "report") == {}
    assert failing(None, CELL, "enforce") == {}


def test_failed_cells_are_rows_of_left_out(broken):
    (row,) = left_out_cells(failing(broken, CELL, "enforce"), CELL)
    assert row["what"] == "cell"
    assert row["table"] == "correlation"
    assert row["name"] == "net_l2_rgb_short"
    assert row["reason"] == "a control failed: selection, MLP, random: 0.800 not above twin 0.850"


def test_what_is_not_available_fails_nothing():
    world = World()
    world.remove(*(name for name, row in world.variants.items() if row["weights"] != "trained"))
    table = controls(world)
    assert set(table["passed"]) == {"not available"}
    assert failing(table, CELL, "enforce") == {}
    words = verdict(table, CELL, "enforce")
    assert words == (
        "controls: 0 of 2 cells pass, 2 untested; families untested: net; not tested: own target in 2 of 2 cells, "
        "selection in 2 of 2 cells, shuffled in 2 of 2 cells"
    )


def test_the_verdict_names_cells_families_reasons_and_gaps(broken):
    words = verdict(broken, CELL, "enforce")
    assert words == (
        "controls: 1 of 2 cells pass; fail: net_l2_rgb_short (selection, MLP, random: 0.800 not above twin 0.850): "
        "left out of every correlation; families not admitted: net"
    )
    assert "marked only" in verdict(broken, CELL, "report")
    world = World()
    world.remove("coordinates")
    words = verdict(controls(world), CELL, "enforce")
    assert words == (
        "controls: 2 of 2 cells pass; families admitted: net; not tested: own target with linear heads against "
        "coordinates in 2 of 2 cells, own target with MLP heads against coordinates in 2 of 2 cells"
    )
    world.score(None, "untrained", head="mlp", level="l1", task="colour")
    words = verdict(controls(world), CELL)
    assert "own target with MLP heads against twin in 1 of 2 cells" in words
    assert "selection" not in words


def test_columns_without_a_value_are_not_named():
    world = World()
    probe = pd.DataFrame(
        columns=["variant", "points", "task", "split", "head", "value", "primary", "leaked", "task_set"]
    )
    world.variants["net_l1_shuffled_s0"]["val_top1"] = 0.5
    variants, _ = world.tables()
    table = controls_table(variants, probe, CELL, KINDS, world.retrieval())
    table = table.assign(head=np.nan, split=np.nan, modality=np.nan)
    words = verdict(table, CELL, "enforce")
    assert "fail: net_l1_short (shuffled: top-1 0.5000" in words
    assert "nan" not in words


def test_the_verdict_of_no_cells():
    empty = pd.DataFrame(columns=list(COLUMNS["controls"]))
    assert verdict(empty, CELL, "enforce") == "controls: no cell to test"


def failed_controls(family, resolution):
    key = {
        "family": family,
        "model": family,
        "resolution": resolution,
        "modality": "rgb",
        "schedule": "short",
    }
    rest = {"control": "selection", "split": "random", "head": "MLP", "decides": "yes", "passed": "no"}
    table = pd.DataFrame([{**key, **rest, "reason": "0.1 not above twin 0.2"}])
    return table.reindex(columns=list(COLUMNS["controls"]))


def test_failed_cells_leave_every_correlation_as_if_they_did_not_exist():
    variants, dimension, probe = make_tables(seeds=(0, 1))
    table = failed_controls("csp", "l0")
    found = correlate(variants, dimension, probe, SETTINGS, controls=table)
    assert (found["n_left_out"] == 1).all()
    assert (found["n_cells"] == 18).all()
    kept = variants["variant"].str.startswith("csp_l0_")
    rest = (frame[~frame["variant"].str.startswith("csp_l0_")] for frame in (dimension, probe))
    expected = correlate(variants[~kept], *rest, SETTINGS)
    for column in ("value", "low", "high", "p", "p_adjusted"):
        np.testing.assert_array_equal(found[column], expected[column])
    whole = correlate(variants, dimension, probe, SETTINGS)
    assert (whole["n_cells"] == 19).all()
    assert not np.allclose(whole["value"], found["value"])
    reported = correlate(variants, dimension, probe, {**SETTINGS, "gate": "report"}, controls=table)
    pd.testing.assert_frame_equal(reported, whole)


def test_failed_cells_leave_the_families_of_the_table_too():
    tables = make_tables()
    row = pick(
        per_family(*tables, SETTINGS, failed_controls("csp", "l0")),
        family="csp", space="embedding", task="climate", split="blocks", head="ridge",
    )  # fmt: skip
    assert row["n_cells"] == 4


def test_failed_cells_and_their_reasons_are_listed():
    tables = make_tables()
    table = left_out_table(whole=(*tables, failed_controls("csp", "l0")), statistics=SETTINGS)
    assert table["name"].tolist() == ["csp_l0_rgb_short"]
    assert "not above twin" in table["reason"].item()
    none = left_out_table(
        whole=(*tables, failed_controls("csp", "l0")), statistics={**SETTINGS, "gate": "report"}
    )
    assert not len(none)


@pytest.mark.parametrize("name", ["selection", "control"])
def test_tasks_outside_the_set_claims_enter_no_correlation(name):
    variants, dimension, probe = make_tables()
    probe.loc[probe["task"] == "elevation", "task_set"] = name
    found = correlate(variants, dimension, probe, SETTINGS)
    assert set(found["task"]) == {"climate"}
    without = correlate(
        variants, dimension[dimension["task"] != "elevation"], probe[probe["task"] == "climate"], SETTINGS
    )
    pd.testing.assert_frame_equal(found, without)
    assert set(per_family(variants, dimension, probe, SETTINGS)["task"]) == {"climate"}


def test_claims_without_any_task_of_their_set_are_listed():
    variants, dimension, probe = make_tables()
    probe["task_set"] = "selection"
    assert not len(correlate(variants, dimension, probe, SETTINGS))
    empty = pd.DataFrame(columns=list(COLUMNS["controls"]))
    table = left_out_table(whole=(variants, dimension, probe, empty), statistics=SETTINGS)
    assert table["what"].tolist() == ["claim"]


def test_failed_cells_are_marked_by_all_columns_of_the_cell():
    variants, dimension, probe = make_tables()
    named = {"family": "csp", "model": "csp", "resolution": "l0", "modality": "rgb", "schedule": "short"}
    key = tuple(named.get(column, "") for column in SETTINGS["cell"])
    table = cells(variants, dimension, probe, SETTINGS["cell"], [key])
    assert set(table.loc[table["failed"], "resolution"]) == {"l0"}
    assert set(table.loc[table["failed"], "family"]) == {"csp"}


def test_an_unknown_gate_is_rejected():
    with pytest.raises(ValueError, match=r"statistics\.gate: 'maybe'"):
        correlate(*make_tables(), {**SETTINGS, "gate": "maybe"})
