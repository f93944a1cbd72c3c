import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from earthdim.storage import stores
from earthdim.storage.files import (
    _write,
    open_checkpoint,
    read_json,
    read_table,
    save_checkpoint,
    write_table,
)
from earthdim.storage.schema import COLUMNS, SCHEMA_VERSIONS, ArtefactError


@pytest.fixture
def dataset():
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {
            "embedding": (("point", "feature"), rng.normal(size=(300, 7)).astype(np.float32)),
            "lon": ("point", rng.random(300)),
        },
        coords={"point": np.arange(300)},
    )


@pytest.fixture
def store(tmp_path, dataset):
    path = tmp_path / "a" / "embeddings.zarr"
    stores.save_store(dataset, path, "embeddings", {"code": "c"})
    return path


def test_a_store_is_read_back_unchanged(store, dataset):
    back = stores.open_store(store, "embeddings")
    xr.testing.assert_equal(back.drop_attrs(), dataset)
    assert back["embedding"].dtype == np.float32
    assert json.loads(back.attrs["provenance"]) == {"code": "c"}


def test_manifest_holds_rows_and_digests(store, dataset):
    manifest = read_json(stores.manifest_path(store))
    assert manifest["sizes"] == {"point": 300, "feature": 7}
    assert manifest["sha256"]["embedding"] == stores.array_digest(dataset["embedding"].values)


@pytest.mark.parametrize("shape", [(19,), (5, 7), (3, 2, 8)])
def test_each_truth_value_is_part_of_the_digest(shape):
    values = np.random.default_rng(0).random(shape) < 0.5
    found = {
        stores.array_digest(values),
        stores.array_digest(values.ravel()[None]),
        stores.array_digest(values.astype("u1")),
    }
    for place in np.ndindex(shape):
        other = values.copy()
        other[place] ^= True
        found.add(stores.array_digest(other))
    assert len(found) == 3 + values.size
    assert stores.array_digest(values.copy(order="F")) in found


def test_publishing_leaves_no_other_files(store):
    assert sorted(path.name for path in store.parent.iterdir()) == ["embeddings.json", "embeddings.zarr"]


def test_a_deleted_chunk_is_an_error_not_fill_values(store):
    shutil.rmtree(store / "embedding" / "c")
    with pytest.raises(ArtefactError, match="embedding is damaged"):
        stores.open_store(store, "embeddings")


@pytest.mark.parametrize("names", [None, ["embedding"]])
def test_a_deleted_array_is_an_error(store, names):
    shutil.rmtree(store / "embedding")
    with pytest.raises(ArtefactError, match="embedding is missing"):
        stores.open_store(store, "embeddings", names)


def test_a_deleted_integer_chunk_is_an_error(store):
    shutil.rmtree(store / "point" / "c")
    with pytest.raises(ArtefactError, match="point is damaged"):
        stores.open_store(store, "embeddings")


def test_an_incomplete_store_is_rejected(store):
    metadata = json.loads((store / "zarr.json").read_text())
    del metadata["attributes"]["complete"]
    (store / "zarr.json").write_text(json.dumps(metadata))
    with pytest.raises(ArtefactError, match="not complete"):
        stores.open_store(store, "embeddings")


def test_another_kind_or_schema_is_rejected(store, monkeypatch):
    with pytest.raises(ArtefactError, match="not points"):
        stores.open_store(store, "points")
    monkeypatch.setitem(SCHEMA_VERSIONS, "embeddings", 999)
    with pytest.raises(ArtefactError, match="schema"):
        stores.open_store(store, "embeddings")


def test_a_missing_store_is_an_error(tmp_path):
    with pytest.raises(ArtefactError, match=r"nothing\.zarr: the store does not exist"):
        stores.open_store(tmp_path / "nothing.zarr", "points")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_never_written(tmp_path, dataset, bad):
    dataset["lon"].values[3] = bad
    with pytest.raises(ArtefactError, match="lon holds values that are not finite"):
        stores.save_store(dataset, tmp_path / "x.zarr", "points", {})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_existing_store(tmp_path):
    path = tmp_path / "t.csv"
    write_table(pd.DataFrame({"a": [1]}), path)

    def write_half(partial):
        partial.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        _write(path, write_half)
    assert path.read_text() == "a\n1\n"
    assert [item.name for item in tmp_path.iterdir()] == ["t.csv"]


def test_tables_keep_full_precision_and_empty_cells(tmp_path):
    table = pd.DataFrame({"a": [0.1 + 0.2, np.nan], "b": ["", "x"], "none": [np.nan, np.nan]})
    numbers = pd.DataFrame({"x": np.random.default_rng(0).normal(size=10_000) ** 9})
    write_table(numbers, tmp_path / "n.csv")
    assert (read_table(tmp_path / "n.csv")["x"] == numbers["x"]).all()
    write_table(table, tmp_path / "t.csv")
    back = read_table(tmp_path / "t.csv")
    assert back["a"][0] == 0.1 + 0.2
    assert list(back["b"]) == ["", "x"]
    assert (tmp_path / "t.csv").read_text().splitlines()[2] == ",x,"


def test_integers_stay_integers_next_to_empty_cells(tmp_path):
    table = pd.DataFrame({"seed": [0, ""], "k": [20.0, np.nan], "value": [1.0, 2.0]})
    write_table(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "seed,k,value\n0,20,1.0\n,,2.0\n"


def test_a_missing_column_is_an_error_and_extra_columns_are_last(tmp_path):
    row = dict.fromkeys(COLUMNS["probe"], 1)
    write_table(pd.DataFrame([{"extra": 2, **row}]), tmp_path / "p.csv", "probe")
    header = (tmp_path / "p.csv").read_text().splitlines()[0].split(",")
    assert header == [*COLUMNS["probe"], "extra"]
    del row["leaked"]
    with pytest.raises(ArtefactError, match="lacks leaked"):
        write_table(pd.DataFrame([row]), tmp_path / "p.csv", "probe")


def test_checkpoints_are_the_same_byte_for_byte(tmp_path):
    state = {f"w{number}": torch.full((3,), float(number)) for number in range(20)}
    metadata = {f"key {number}": str(number) for number in range(20)}
    for number in range(5):
        save_checkpoint(state, tmp_path / f"{number}.safetensors", metadata)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_checkpoints_are_read_back_unchanged(tmp_path):
    state = {"w": torch.arange(6.0).reshape(2, 3).T, "b": torch.tensor([1, 2])}
    save_checkpoint(state, tmp_path / "c.safetensors", {"code": "x"})
    back = open_checkpoint(tmp_path / "c.safetensors")
    assert all(torch.equal(back[name], state[name]) for name in state)
