"""The columns of the tables."""

import pytest

from earthdim.storage import schema


@pytest.mark.parametrize("name", schema.COLUMNS)
def test_a_table_names_each_column_once(name):
    assert len(set(schema.COLUMNS[name])) == len(schema.COLUMNS[name])


@pytest.mark.parametrize(
    ("columns", "tables"),
    [
        (schema.DIMENSION_KEY, ["dimension", "costly"]),
        (schema.ESTIMATE, ["dimension", "costly", "scale", "jacobian"]),
        (schema.SCORE, ["probe"]),
        (schema.PANEL, ["correlation", "correlation_families"]),
        (schema.MEASURED_AT, ["correlation", "dimension", "correlation_summary"]),
        (schema.LEFT_OUT, ["left_out"]),
    ],
)
def test_shared_columns_have_the_same_order_in_every_table(columns, tables):
    for name in tables:
        assert set(columns) <= set(schema.COLUMNS[name])
    first = [column for column in schema.COLUMNS[tables[0]] if column in columns]
    for name in tables[1:]:
        shared = [column for column in schema.COLUMNS[name] if column in columns]
        assert shared == first or name == "dimension"


def test_the_contract_of_dimension():
    """A golden copy: a change here changes files that others read."""
    assert schema.COLUMNS["dimension"] == (
        "variant", "model", "resolution", "modality", "objective", "schedule", "weights", "seed", "points", "n",
        "replicate", "space", "task", "split", "head", "estimator", "k", "aggregation", "value", "low", "high",
        "interval", "neighbour_radius_km", "twin_value", "minus_twin", "shuffled_value", "minus_shuffled",
        "raw_value", "above_ambient", "duplicates_dropped", "library", "library_version", "note",
    )  # fmt: skip
