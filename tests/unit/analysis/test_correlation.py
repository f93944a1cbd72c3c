"""Levels, notes and corrections of the correlation table; the tables per family and the summary."""

import io
import time

import numpy as np
import pandas as pd
import pytest
import yaml
from correlation_tables import FIRST, FOUR, SETTINGS, first_panel, make_tables, pick
from scipy import stats

from earthdim.analysis.correlation import (
    COLUMNS,
    FAMILY_COLUMNS,
    SUMMARY_COLUMNS,
    correlate,
    per_family,
    summary,
)
from earthdim.analysis.statistics.cells import KEYS
from earthdim.analysis.statistics.coefficients import COEFFICIENTS
from earthdim.storage import schema


def test_columns_follow_the_schema_and_rows_are_ordered():
    table = correlate(*make_tables(), SETTINGS)
    assert list(table.columns) == list(schema.COLUMNS["correlation"])
    # Two tasks, two splits; two heads for the embedding, one for activations; two levels, three coefficients.
    assert len(table) == 2 * 2 * 3 * 2 * 3
    order = table[["estimator", "points", "task", "split", "head"]].apply(tuple, axis=1).tolist()
    assert order == sorted(order)
    assert table["level"].tolist()[:6] == ["pooled"] * 3 + ["within"] * 3
    assert table["coefficient"].tolist()[:3] == SETTINGS["coefficients"]


def test_rows_do_not_depend_on_the_order_of_the_inputs():
    tables = make_tables()
    shuffled = [table.sample(frac=1.0, random_state=3) for table in tables]
    pd.testing.assert_frame_equal(correlate(*tables, SETTINGS), correlate(*shuffled, SETTINGS))


def test_tables_read_from_csv_give_the_same_rows():
    tables = make_tables()
    read = [pd.read_csv(io.StringIO(table.to_csv(index=False))) for table in tables]
    pd.testing.assert_frame_equal(correlate(*tables, SETTINGS), correlate(*read, SETTINGS), check_dtype=False)


def test_pooled_values_agree_with_scipy():
    tables = make_tables()
    x, y, _ = first_panel(tables)
    table = correlate(*tables, SETTINGS)
    for name, oracle in (
        ("spearman", stats.spearmanr),
        ("kendall", stats.kendalltau),
        ("pearson", stats.pearsonr),
    ):
        row = pick(table, **FIRST, level="pooled", coefficient=name)
        assert row["value"] == pytest.approx(oracle(x, y).statistic, abs=1e-12)
        assert row["n_cells"] == 19
        assert row["n_families"] == 4
        assert row["interval"] == "jackknife over families"
        assert row["low"] < row["value"] < row["high"]
        assert np.isnan(row["p"])
        assert row["note"] == "descriptive: no test"


def test_within_value_is_the_mean_of_the_families_fisher_z():
    tables = make_tables()
    x, y, families = first_panel(tables)
    rho = [stats.spearmanr(x[families == name], y[families == name]).statistic for name in FOUR]
    row = pick(correlate(*tables, SETTINGS), **FIRST, level="within", coefficient="spearman")
    z = np.arctanh(rho)
    assert row["value"] == pytest.approx(np.tanh(z.mean()), abs=1e-12)
    t = stats.ttest_1samp(z, 0).confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx((np.tanh(t.low), np.tanh(t.high)), abs=1e-12)
    assert row["interval"] == "t over families"


def test_three_families_have_a_test_but_no_interval():
    table = correlate(*make_tables({"csp": 5, "geoclip": 4, "satclip": 6}), SETTINGS)
    assert table[["low", "high"]].isna().all(axis=None)
    assert (table["interval"] == "").all()
    assert table["note"].str.contains("3 families: no interval below 4").all()
    assert table.loc[table["level"] == "within", "p"].notna().all()


def test_one_family_of_two_cells_gives_rows_with_a_note():
    table = correlate(*make_tables({"satclip": 2}), SETTINGS)
    assert len(table) == 72
    assert table[["value", "low", "high", "p", "p_adjusted"]].isna().all(axis=None)
    assert (table["note"].str.contains("fewer than 3 cells")).all()
    assert len(summary(table)) == 36


def test_three_cells_have_a_value_and_no_test():
    table = correlate(*make_tables({"satclip": 3}), SETTINGS)
    within = table[table["level"] == "within"]
    assert within["value"].notna().all()
    assert within["p"].isna().all()
    assert within["note"].str.contains("fewer than 4 cells: no test").all()


def test_empty_tables_keep_the_header():
    empty = [table.iloc[:0] for table in make_tables()]
    assert list(correlate(*empty, SETTINGS).columns) == COLUMNS
    assert list(per_family(*empty, SETTINGS).columns) == FAMILY_COLUMNS
    assert list(summary(correlate(*empty, SETTINGS)).columns) == SUMMARY_COLUMNS


@pytest.mark.parametrize(
    ("column", "why"), [("dimension", "constant dimension"), ("probe", "constant performance")]
)
def test_constant_input_is_stated_in_the_note(column, why):
    tables = dict(zip(("variants", "dimension", "probe"), make_tables(), strict=True))
    tables[column]["value"] = 0.1
    table = correlate(*tables.values(), SETTINGS)
    assert table["value"].isna().all()
    assert table["note"].str.contains(why).all()


def test_a_small_family_is_excluded_within_and_named():
    table = correlate(*make_tables({**FOUR, "tiny": 2}), SETTINGS)
    row = pick(table, **FIRST, level="within", coefficient="spearman")
    assert (row["n_cells"], row["n_families"]) == (19, 4)
    assert "tiny not used: fewer than 3 cells" in row["note"]
    assert pick(table, **FIRST, level="pooled", coefficient="spearman")["n_cells"] == 21


def test_perfect_families_have_finite_values_and_a_note():
    variants, dimension, probe = make_tables()
    rank = dict(zip(variants["variant"], range(len(variants)), strict=True))
    for table in (dimension, probe):
        table["value"] = table["variant"].map(rank).astype(float)
    table = correlate(variants, dimension, probe, SETTINGS)
    row = pick(table, **FIRST, level="within", coefficient="spearman")
    expected = [np.arctanh(1 - 6 / (n**3 - n)) for n in FOUR.values()]
    assert row["value"] == pytest.approx(np.tanh(np.mean(expected)), abs=1e-12)
    assert "perfect in csp, geoclip, satclip, sinr" in row["note"]
    pooled = pick(table, **FIRST, level="pooled", coefficient="spearman")
    assert pooled["value"] == pytest.approx(1.0, abs=1e-12)
    assert "no interval: perfect correlation" in pooled["note"]


def test_corrections_run_over_the_primary_rows_and_the_rest():
    table = correlate(*make_tables(), SETTINGS)
    primary = table[table["adjustment"] == "holm"]
    claim = SETTINGS["primary"][0]
    assert len(primary) == 4
    assert (primary[list(claim)] == list(claim.values())).all(axis=None)
    p = np.sort(primary["p"])
    worst = np.maximum.accumulate(p * [4, 3, 2, 1])
    np.testing.assert_allclose(np.sort(primary["p_adjusted"]), np.minimum(worst, 1))
    rest = table[table["p"].notna() & (table["adjustment"] != "holm")]
    assert set(rest["adjustment"]) == {"benjamini-yekutieli"}
    np.testing.assert_allclose(rest["p_adjusted"], stats.false_discovery_control(rest["p"], method="by"))
    assert table.loc[table["p"].isna(), "p_adjusted"].isna().all()


def test_a_claim_that_matches_no_row_raises():
    claim = {"estimator": "fishers", "n": 3}
    with pytest.raises(ValueError, match=r"statistics\.primary\.1: .*'n': 3"):
        correlate(*make_tables(), {**SETTINGS, "primary": [*SETTINGS["primary"], claim]})


def test_p_of_a_panel_does_not_depend_on_other_panels():
    variants, dimension, probe = make_tables()
    alone = correlate(variants, dimension, probe[probe["task"] == "climate"], SETTINGS)
    together = correlate(variants, dimension, probe, SETTINGS)
    together = together[together["task"] == "climate"]
    np.testing.assert_array_equal(alone["p"], together["p"])


def test_per_family_values_and_range():
    tables = make_tables()
    x, y, families = first_panel(tables)
    table = per_family(*tables, SETTINGS)
    rows = table[(table[list(FIRST)] == list(FIRST.values())).all(axis=1)]
    assert rows["family"].tolist() == sorted(FOUR)
    assert rows["n_cells"].tolist() == list(FOUR.values())
    without = []
    for row in rows.itertuples():
        inside = families == row.family
        assert row.value == pytest.approx(stats.spearmanr(x[inside], y[inside]).statistic)
        without.append(stats.spearmanr(x[~inside], y[~inside]).statistic)
    np.testing.assert_allclose(rows["pooled_without"], without)
    assert rows["pooled"].tolist() == pytest.approx([stats.spearmanr(x, y).statistic] * 4)
    assert set(rows["range_low"]) == {min(rows["pooled_without"])}
    assert set(rows["range_high"]) == {max(rows["pooled_without"])}


def test_per_family_states_why_a_value_is_missing():
    table = per_family(*make_tables({"satclip": 4, "tiny": 2}), SETTINGS)
    tiny = table[table["family"] == "tiny"]
    assert tiny["value"].isna().all()
    assert (tiny["note"] == "fewer than 3 cells").all()
    assert (table.loc[table["family"] == "satclip", "note"] == "without it: fewer than 3 cells").all()


def test_summary_takes_the_median_over_tasks():
    table = correlate(*make_tables(tasks=("climate", "country", "elevation")), SETTINGS)
    lines = summary(table)
    assert list(lines.columns) == SUMMARY_COLUMNS
    wanted = {key: FIRST[key] for key in ("space", "split", "head")} | {
        "level": "within",
        "coefficient": "kendall",
    }
    row = pick(lines, **wanted)
    values = table[(table[list(wanted)] == list(wanted.values())).all(axis=1)].set_index("task")["value"]
    assert row["median"] == pytest.approx(values.median())
    assert row["median_without"] == pytest.approx(values.drop("elevation").median())
    assert (row["tasks"], row["tasks_without"]) == (3, 2)
    assert (row["positive"], row["positive_without"]) == (
        (values > 0).sum(),
        (values.drop("elevation") > 0).sum(),
    )
    assert lines["coefficient"].tolist()[:3] == SETTINGS["coefficients"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coefficients": ["cosine"]}, "statistics.coefficients"),
        ({"cell": ["resolution"]}, "statistics.cell"),
        ({"confidence": 95}, "statistics.confidence"),
        ({"draws": 0}, "statistics.draws"),
        ({"min_cells": 2}, "statistics.min_cells"),
        ({"primary": [{"estimater": "mle"}]}, "statistics.primary"),
        ({"surprise": 1}, "statistics: .*surprise"),
    ],
)
def test_invalid_settings_raise_with_their_key(change, message):
    with pytest.raises(ValueError, match=message):
        correlate(*make_tables(), {**SETTINGS, **change})


def test_the_default_leaf_is_a_valid_analysis(request):
    leaf = yaml.safe_load((request.config.rootpath / "config/statistics/default.yaml").read_text())
    leaf["draws"] = 9
    table = correlate(*make_tables(), leaf)
    primary = table[table["adjustment"] == "holm"]
    assert set(zip(primary["estimator"], primary["space"], primary["head"], strict=True)) == {
        ("fishers", "embedding", "mlp"),
        ("twonn", "activation", "mlp"),
    }


def test_a_whole_experiment_takes_a_few_seconds():
    tables = make_tables(
        {"csp": 6, "geoclip": 6, "satclip": 9},
        tasks=tuple("abcdef"),
        estimators=("fishers", "mle", "mom", "tle", "twonn"),
    )
    start = time.process_time()
    table = correlate(*tables, {**SETTINGS, "draws": 9999})
    assert len(table) == (5 * 2 + 1) * 6 * 2 * 2 * 3
    assert time.process_time() - start < 8.0


def test_keys_identify_rows():
    table = correlate(*make_tables(estimators=("fishers", "mle")), SETTINGS)
    assert not table.duplicated([*KEYS, "level", "coefficient"]).any()
    assert set(table["coefficient"]) == set(COEFFICIENTS)
