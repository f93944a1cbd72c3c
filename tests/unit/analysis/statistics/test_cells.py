"""Cells: pairing, averaging over seeds, leakage, validation of the tables."""

import numpy as np
import pandas as pd
import pytest
from correlation_tables import FIRST, FOUR, SETTINGS, make_tables, pick

from earthdim.analysis.correlation import correlate
from earthdim.analysis.statistics.cells import cells


def test_seeds_are_averaged_first():
    variants, dimension, probe = make_tables(seeds=(0, 1, 2))
    table = cells(variants, dimension, probe, SETTINGS["cell"])
    assert (table["seeds"] == 3).all()
    row = pick(table, **FIRST, family="csp", resolution="l0")
    ids = dimension[(dimension["space"] == "embedding") & dimension["variant"].str.startswith("csp_l0_")]
    assert row["dimension"] == pytest.approx(ids["value"].mean(), abs=1e-14)
    assert pick(
        correlate(variants, dimension, probe, SETTINGS), **FIRST, level="pooled", coefficient="pearson"
    )["n_cells"] == sum(FOUR.values())


def test_a_seed_without_performance_is_excluded_from_the_dimension():
    variants, dimension, probe = make_tables(seeds=(0, 1))
    table = cells(variants, dimension, probe[probe["variant"] != "csp_l0_s1"], SETTINGS["cell"])
    row = pick(table, **FIRST, family="csp", resolution="l0")
    rows = dimension[(dimension["variant"] == "csp_l0_s0") & (dimension["space"] == "embedding")]
    assert row["seeds"] == 1
    assert row["dimension"] == rows["value"].item()


def test_schedules_define_separate_cells():
    variants, dimension, probe = make_tables(seeds=(0, 1))
    variants.loc[variants["seed"] == 1, "schedule"] = "full"
    row = pick(
        correlate(variants, dimension, probe, SETTINGS), **FIRST, level="pooled", coefficient="spearman"
    )
    assert row["n_cells"] == 2 * sum(FOUR.values())


@pytest.mark.parametrize("weights", ["untrained", "released", "own", "table"])
def test_counted_variants_follow_the_column_counted(weights):
    variants, dimension, probe = make_tables()
    variants.loc[variants["family"] == "csp", "weights"] = weights
    variants.loc[variants["family"] == "sinr", "counted"] = False
    row = pick(
        correlate(variants, dimension, probe, SETTINGS), **FIRST, level="pooled", coefficient="spearman"
    )
    assert (row["n_cells"], row["n_families"]) == (15, 3)


def test_leaking_cells_are_excluded_and_counted():
    variants, dimension, probe = make_tables()
    probe.loc[(probe["task"] == "elevation") & (probe["variant"] == "csp_l0_s0"), "leaked"] = "yes"
    probe.loc[(probe["task"] == "elevation") & (probe["variant"] == "csp_l1_s0"), "leaked"] = "in part"
    table = correlate(variants, dimension, probe, SETTINGS)
    leaky = table[table["task"] == "elevation"]
    assert (leaky["n_left_out"] == 1).all()
    assert (leaky["n_cells"] == 18).all()
    assert (table.loc[table["task"] == "climate", "n_left_out"] == 0).all()
    without = variants["variant"] != "csp_l0_s0"
    expected = correlate(
        variants[without],
        *(frame[frame["variant"] != "csp_l0_s0"] for frame in (dimension, probe)),
        SETTINGS,
    )
    for column in ("value", "low", "high", "p"):
        clean = expected.loc[expected["task"] == "elevation", column]
        np.testing.assert_allclose(leaky[column], clean, rtol=0, atol=1e-12)


def test_activations_are_paired_with_their_head_only():
    variants, dimension, probe = make_tables()
    rows = cells(variants, dimension, probe, SETTINGS["cell"])
    activation = rows[rows["space"] == "activation"]
    assert set(activation["head"]) == {"mlp"}
    row = pick(activation, family="csp", resolution="l0", task="climate", split="random")
    at = (dimension["variant"] == "csp_l0_s0") & (dimension["task"] == "climate")
    assert row["dimension"] == dimension.loc[at & (dimension["split"] == "random"), "value"].item()


@pytest.mark.parametrize("name", ["dimension", "probe"])
def test_invalid_tables_raise_with_their_name(name):
    tables = dict(zip(("variants", "dimension", "probe"), make_tables(), strict=True))

    def run(changed):
        return correlate(*{**tables, name: changed}.values(), SETTINGS)

    table = tables[name]
    with pytest.raises(ValueError, match=f"{name}: .*lacks the column split"):
        run(table.drop(columns="split"))
    with pytest.raises(ValueError, match=f"{name}: stranger"):
        run(table.assign(variant="stranger"))
    with pytest.raises(ValueError, match=f"{name}: duplicate"):
        run(pd.concat([table, table]))
    with pytest.raises(ValueError, match=f"{name}: .*not finite"):
        run(table.assign(value=np.nan))
