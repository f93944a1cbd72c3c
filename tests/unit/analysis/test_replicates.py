"""Means over replicates of a sample, and the comparison with Table 1 of the paper."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from earthdim.analysis.published import published
from earthdim.analysis.replicates import draws_table, table1
from earthdim.storage.files import read_table, write_table
from earthdim.storage.schema import COLUMNS

AXES = {
    "model": "geoclip",
    "resolution": "",
    "modality": "",
    "objective": "",
    "schedule": "",
    "weights": "released",
    "seed": None,
}
MEASURED = [("mle", 20, "harmonic-mean", (11.1, 11.2, 11.6)), ("fishers", None, "global", (7.6, 7.7, 7.65)),
            ("mle", 10, "harmonic-mean", (13.0, 13.1, 13.2)), ("twonn", 2, "global", (20.0, 21.0, 19.0))]  # fmt: skip


def dimension(measured=MEASURED, variant="geoclip_released", n=100_000):
    """dimension.csv as read from disk."""
    rows = [
        {
            "variant": variant,
            **AXES,
            "points": f"land-{n}-r{replicate}",
            "n": n,
            "replicate": replicate,
            "space": "embedding",
            "estimator": estimator,
            "k": k,
            "aggregation": aggregation,
            "value": value,
            "low": np.nan,
            "high": np.nan,
            "interval": np.nan,
            "above_ambient": replicate == 2,
        }
        for estimator, k, aggregation, values in measured
        for replicate, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_replicates_are_averaged_with_a_t_interval():
    table = draws_table(dimension()).set_index(["estimator", "k"])
    row = table.loc[("mle", 20)]
    low, high = stats.t.interval(0.95, 2, np.mean(MEASURED[0][3]), stats.sem(MEASURED[0][3]))
    assert row["value"] == pytest.approx(11.3)
    assert (row["low"], row["high"]) == pytest.approx((low, high))
    assert row["interval"] == "t over 3 draws"
    assert row["draws"] == 3
    assert row["above_ambient"]
    assert len(table) == len(MEASURED)


def test_a_single_replicate_keeps_its_interval():
    one = dimension().query("replicate == 0").assign(low=1.0, high=30.0, interval="8 half samples")
    row = draws_table(one).iloc[0]
    assert row[["draws", "value", "low", "high", "interval"]].tolist() == [
        1,
        11.1,
        1.0,
        30.0,
        "8 half samples",
    ]


def test_activations_and_other_sizes_are_not_averaged_with_the_embedding():
    activation = dimension().assign(space="activation", value=100.0)
    fewer = dimension(n=1000).assign(value=50.0)
    table = draws_table(pd.concat([dimension(), activation, fewer], ignore_index=True))
    assert table.groupby("n")["value"].max().to_dict() == {1000: 50.0, 100_000: 20.0}


class TestTable1:
    def test_all_published_values_are_listed_in_order(self):
        table = table1(dimension())
        paper = published().query("table == 'Table 1'")
        assert len(paper) == 40
        assert table["published"].head(40).tolist() == paper["value"].tolist()
        assert table["name"].head(40).tolist() == paper["name"].tolist()

    def test_values_of_the_same_weights_are_in_the_same_row(self):
        table = table1(dimension()).head(40)
        matched = table[table["value"].notna()].set_index("estimator")
        assert matched["published"].to_dict() == {"mle": 11.21, "fishers": 7.68}
        assert matched["value"].to_dict() == pytest.approx({"mle": 11.3, "fishers": 7.65})
        assert set(matched["variant"]) == {"geoclip_released"}
        assert set(matched["draws"]) == {3}
        assert set(matched["note"]) == {""}

    def test_notes_state_why_a_value_is_missing(self):
        missing = {"sinr_released": "put the file there"}
        table = table1(dimension(), missing).head(40)
        notes = table[table["value"].isna()].set_index(["name", "estimator"])["note"]
        assert notes["SINR", "mle"] == "not measured: weights not at hand; put the file there"
        assert notes["SatCLIP-L10", "fishers"] == "not measured: satclip_vit16-l10 is not in this experiment"
        assert notes["CROMA", "mle"].startswith("not measured: earthdim has no adapter")
        assert notes["GeoCLIP", "tle"] == "not measured: this experiment has no tle at k = 20"
        elsewhere = table1(dimension(variant="geoclip_other")).set_index(["name", "estimator"])["note"]
        assert elsewhere["GeoCLIP", "mle"] == "not measured: geoclip_released is not in this experiment"

    def test_a_variant_of_the_same_family_is_not_the_published_one(self):
        assert table1(dimension(variant="satclip_l10_rgb_short_s0"))["value"].isna().all()

    def test_values_without_a_published_one_follow(self):
        below = table1(dimension()).iloc[40:]
        assert below[["estimator", "k"]].to_numpy().tolist() == [["mle", 10], ["twonn", 2]]
        assert set(below["name"]) == {"GeoCLIP"}
        assert set(below["kind"]) == {"location"}
        assert set(below["note"]) == {"not published"}
        assert below["published"].isna().all()

    def test_two_numbers_of_points_raise(self):
        with pytest.raises(ValueError, match="several values of one estimator"):
            table1(pd.concat([dimension(), dimension(n=1000)], ignore_index=True))

    def test_written_columns_follow_the_schema(self, tmp_path):
        for one in (dimension(), dimension(variant="other")):
            write_table(table1(one), tmp_path / "table1.csv", "table1")
            back = read_table(tmp_path / "table1.csv")
            assert tuple(back.columns) == COLUMNS["table1"]
            assert back["k"].dropna().eq(back["k"].dropna().round()).all()
