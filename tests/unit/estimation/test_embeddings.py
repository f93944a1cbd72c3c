"""Tables and maps of a store of embeddings."""

import numpy as np
import pytest
import yaml
from places import CONFIG
from stage_stores import Log, embeddings

from earthdim.estimation import embeddings as stage
from earthdim.estimation.neighbours.stores import graph_store

LEAVES = {
    name: yaml.safe_load((CONFIG / "estimator" / f"{name}.yaml").read_text()) for name in ("mle", "twonn")
}
CONFIG_OF = {"estimators": LEAVES, "local_estimator": "mle", "replicate": 1, "subsampling": None}
SEARCH = {"k": 20, "memory_mb": 64, "device": "cpu"}


def measured(store):
    return stage.dimension(store, graph_store(store, SEARCH, Log("graph").logger), CONFIG_OF)


def test_every_estimator_has_a_row_and_the_local_one_a_map():
    store = embeddings()
    rows, local = measured(store)
    assert rows["estimator"].tolist() == ["mle", "twonn"]
    assert rows["value"].between(1.5, 2.5).all()
    assert set(rows["n"]) == {300}
    assert local.sizes["point"] == 300
    assert local.attrs == {"variant": "a", "estimator": "mle", "k": 20}
    np.testing.assert_array_equal(local["lon"], store["lon"])
    assert rows["neighbour_radius_km"][0] == pytest.approx(np.median(local["neighbour_radius_km"]))


def test_a_constant_embedding_has_rows_without_values_and_an_empty_map():
    rows, local = measured(embeddings(np.ones((300, 3))))
    assert rows["value"].isna().all()
    assert rows["note"].str.len().gt(0).all()
    assert rows["space"].tolist() == ["embedding"] * 2
    assert local.sizes["point"] == 0


def test_costly_estimators_see_the_first_points_alone():
    config = {"estimators": LEAVES, "n": 120, "replicate": 1}
    whole = stage.costly(embeddings(), config)
    first = stage.costly(embeddings(n=300).isel(point=slice(120)), config)
    assert whole["value"].tolist() == first["value"].tolist()
    assert whole[["n", "replicate", "space"]].drop_duplicates().to_numpy().tolist() == [[120, 1, "embedding"]]


def test_activations_are_rows_of_their_head():
    store = embeddings()
    folds, places = [store["embedding"].values[:150]], [np.stack([store["lon"], store["lat"]], axis=1)[:150]]
    config = {"activation_estimator": {"twonn": LEAVES["twonn"]}, "replicate": 1}
    rows = stage.activations(store, {("country", "random", "mlp"): folds}, {"random": places}, config)
    assert rows[["task", "split", "head", "n", "space", "variant"]].to_numpy().tolist() == [
        ["country", "random", "mlp", 150, "activation", "a"]
    ]
