"""Identity of the rows of dimension.csv."""

import pandas as pd
from stage_stores import embeddings

from earthdim.estimation import rows
from earthdim.storage.schema import AXES, COLUMNS, COUNTERPARTS, DIMENSION_KEY, ESTIMATE, TARGET

# The axes come from the grid, the twin's value from another row: the table adds them.
ADDED = {*AXES, *COUNTERPARTS.values(), "minus_twin", "minus_shuffled"}


def estimates(*names, **columns):
    table = pd.DataFrame({"estimator": names}).reindex(columns=[*ESTIMATE, "neighbour_radius_km"])
    return table.assign(**columns)


def test_a_row_of_an_embedding_has_no_head():
    table = rows.of_embedding(estimates("mle", "twonn"), embeddings(), n=250, replicate=3)
    assert set(table.columns) == set(COLUMNS["dimension"]) - ADDED
    row = table.iloc[0]
    assert row[["variant", "points", "n", "replicate", "space"]].tolist() == [
        "a",
        "land-r1",
        250,
        3,
        "embedding",
    ]
    assert row[list(TARGET)].tolist() == ["", "", ""]


def test_a_row_of_activations_keeps_its_head_and_number_of_points():
    head = {"task": "country", "split": "blocks", "head": "mlp", "n": 60}
    table = rows.of_activations(estimates("twonn", **head), embeddings(), replicate=3)
    assert set(table.columns) == set(COLUMNS["dimension"]) - ADDED
    assert table.iloc[0][[*head, "space", "replicate"]].tolist() == [*head.values(), "activation", 3]


def test_the_key_separates_all_rows_of_a_variant():
    of_embedding = rows.of_embedding(estimates("mle", "twonn"), embeddings(), n=250, replicate=0)
    heads = [{"task": "country", "split": split, "head": "mlp", "n": 60} for split in ("random", "blocks")]
    of_heads = [rows.of_activations(estimates("twonn", **head), embeddings(), 0) for head in heads]
    table = pd.concat([of_embedding, *of_heads])
    assert len(table) == 4
    assert not table.duplicated(list(DIMENSION_KEY)).any()
