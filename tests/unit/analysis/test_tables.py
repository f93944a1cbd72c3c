"""Tables of an experiment from the rows of its variants."""

import pandas as pd
import pytest

from earthdim.analysis import tables

AXES = {"model": "m", "resolution": "r", "modality": "", "objective": "", "schedule": "", "seed": 0}
FACTS = [
    {
        "variant": "a",
        **AXES,
        "weights": "trained",
        "branches": ["x", "y"],
        "twin": "b",
        "shuffled": "c",
        "raw": "",
        "family": "f",
        "sources": ["rgb"],
    },
    {
        "variant": "b",
        **AXES,
        "weights": "untrained",
        "branches": ["x"],
        "twin": "",
        "shuffled": "",
        "raw": "",
        "family": "f",
        "sources": [],
    },
]


def rows(variant, **columns):
    base = {
        "variant": variant,
        "points": "p",
        "replicate": 0,
        "space": "embedding",
        "task": "",
        "split": "",
        "head": "",
    }
    base |= {"k": 20.0, "aggregation": "mean"}
    return pd.DataFrame([{**base, **columns}])


@pytest.mark.parametrize(
    ("sources", "mark"),
    [
        ([], "no"),
        (["rgb"], "in part"),
        (["elevation"], "yes"),
        (["rgb", "elevation"], "yes"),
        (["climate"], "no"),
    ],
)
def test_leakage_follows_from_the_sources(sources, mark):
    assert tables.leaked(sources, {"leaked_by": ["elevation"], "leaked_in_part_by": ["rgb"]}) == mark


def test_twin_values_match_estimator_points_and_replicate():
    parts = [
        rows("b", estimator="mle", value=2.0),
        rows("b", estimator="mle", value=3.0, replicate=1),
        rows("b", estimator="mom", value=4.0),
        rows("b", estimator="mle", value=5.0, points="q"),
        rows("a", estimator="mle", value=1.0),
        rows("a", estimator="mom", value=1.5, replicate=1),
    ]
    table = tables.dimension_table(FACTS, parts)
    by = table.set_index(["variant", "estimator", "points", "replicate"])["twin_value"]
    assert by["a", "mle", "p", 0] == 2.0
    assert pd.isna(by["a", "mom", "p", 1])
    assert by["b"].isna().all()


def test_twin_values_match_k_also_if_empty():
    parts = [
        rows("b", estimator="mle", value=2.0),
        rows("b", estimator="mle", value=3.0, k=5.0),
        rows("b", estimator="fishers", value=7.0, k=None),
        rows("a", estimator="mle", value=1.0, k=5.0),
        rows("a", estimator="fishers", value=6.0, k=None),
    ]
    table = tables.dimension_table(FACTS, parts).query("variant == 'a'").set_index("estimator")
    assert table["twin_value"].to_dict() == {"mle": 3.0, "fishers": 7.0}
    assert pd.isna(table.loc["fishers", "k"])


def test_rows_have_the_values_of_their_controls_and_the_differences():
    third = {**FACTS[1], "variant": "c", "weights": "shuffled", "twin": "b"}
    facts = [{**FACTS[0], "raw": "d"}, FACTS[1], third, {**FACTS[1], "variant": "d", "weights": "raw"}]
    parts = [
        rows(name, estimator="mle", value=value)
        for name, value in zip("abcd", (7.0, 5.0, 4.0, 2.0), strict=True)
    ]
    table = tables.dimension_table(facts, parts).set_index("variant")
    columns = ["twin_value", "minus_twin", "shuffled_value", "minus_shuffled", "raw_value"]
    assert table.loc["a", columns].tolist() == [5.0, 2.0, 4.0, 3.0, 2.0]
    assert table.loc["c", columns[:2]].tolist() == [5.0, -1.0]
    assert table.loc["c", columns[2:]].isna().all()
    assert table.loc[["b", "d"], columns].isna().all(axis=None)


def test_axes_come_from_the_facts():
    table = tables.dimension_table(FACTS, [rows("a", estimator="mle", value=1.0)])
    assert table.loc[0, ["model", "resolution", "weights", "seed"]].tolist() == ["m", "r", "trained", 0]


def test_measured_rows_get_the_axes_of_their_variant():
    measured = [pd.DataFrame({"variant": [name], "n": [9], "interval": [None]}) for name in ("b", "a")]
    table = tables.measured_table(FACTS, measured)
    assert dict(zip(table["variant"], table["weights"], strict=True)) == {"b": "untrained", "a": "trained"}
    assert table["interval"].tolist() == ["", ""]


def test_scores_are_marked_as_leaked_by_the_sources_of_their_variant():
    scores = [pd.DataFrame({"variant": [name], "task": ["elevation"], "value": [0.5]}) for name in ("b", "a")]
    table = tables.probe_table(
        FACTS, scores, {"elevation": {"leaked_by": ["rgb"], "leaked_in_part_by": [], "set": "control"}}
    )
    assert table["task_set"].tolist() == ["control", "control"]
    assert dict(zip(table["variant"], table["leaked"], strict=True)) == {"a": "yes", "b": "no"}


def test_variants_have_the_summary_of_training():
    table = tables.variants_table(FACTS, [{"val_loss": 1.0}, {"val_loss": None}])
    assert table["branches"].tolist() == ["x;y", "x"]
    assert table.loc[0, "val_loss"] == 1.0
    assert pd.isna(table.loc[1, "val_loss"])
