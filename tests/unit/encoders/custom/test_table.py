import numpy as np
import pandas as pd
import pytest
import torch

from earthdim.build import build
from earthdim.data.coordinate_tables import points
from earthdim.experiment.validation import check_target

N, D = 200, 6


def lonlat(n=N):
    rng = np.random.default_rng(0)
    return np.column_stack((rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))))


def vectors(n=N):
    return np.random.default_rng(1).standard_normal((n, D)).astype(np.float32)


@pytest.fixture(autouse=True)
def there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(file="embeddings.parquet", where=None, values=None):
    where, values = lonlat() if where is None else where, vectors() if values is None else values
    table = pd.DataFrame({"lon": where[:, 0], "lat": where[:, 1]})
    table = table.assign(**{f"emb_{i}": values[:, i] for i in range(values.shape[1])})
    table.to_csv(file, index=False) if file.endswith("csv") else table.to_parquet(file)
    return file


def own(file, **arguments):
    return build({"_target_": "earthdim.encoders.custom.table.embeddings", "file": file, **arguments})


@pytest.mark.parametrize("file", ["embeddings.parquet", "embeddings.csv"])
def test_a_table_embeds_its_places_bit_for_bit_in_any_order(file):
    encoder = own(write(file), features="emb_*")
    assert (encoder.ambient_dim, encoder.parameters_count, encoder.differentiable) == (D, None, False)
    assert encoder.encoding.shortest_wavelength_km is None
    np.testing.assert_array_equal(encoder.lonlat, lonlat())
    np.testing.assert_array_equal(encoder.embed(encoder.lonlat), vectors())
    order = np.random.default_rng(2).permutation(N)
    np.testing.assert_array_equal(encoder.embed(lonlat()[order], batch=17), vectors()[order])


def test_places_that_share_one_coordinate_are_distinguished():
    where = np.array([[1.0, 5], [1, 4], [2, 5], [2, 4], [1, -4], [0, 0]])
    encoder = own(write(where=where, values=vectors(6)))
    np.testing.assert_array_equal(encoder.embed(where), vectors(6))
    np.testing.assert_array_equal(encoder.embed(np.array([[-0.0, -0.0]])), vectors(6)[5:])


def test_the_points_of_the_file_are_its_places_past_180_too():
    where = np.abs(lonlat()) * [2, 1]
    encoder = own(write("embeddings.csv", where=where))
    assert (where[:, 0] > 180).any()
    np.testing.assert_array_equal(encoder.lonlat, points("embeddings.csv"))
    np.testing.assert_array_equal(encoder.embed(points("embeddings.csv")), vectors())


@pytest.mark.parametrize("place", [[0.0, 0.0], [180.0, 90.0], [-180.0, -90.0]])
def test_any_other_place_is_rejected_naming_the_file(place):
    encoder = own(write())
    with pytest.raises(
        ValueError, match=r"weights\.file: embeddings\.parquet: has no row for 1 of 3 places"
    ) as caught:
        encoder.embed(np.vstack((lonlat()[:2], place)))
    assert f"longitude {place[0]}, latitude {place[1]}" in str(caught.value)
    near = lonlat()[:1].copy()
    near[0, 0] = np.nextafter(near[0, 0], 0)
    with pytest.raises(ValueError, match=r"embeddings\.parquet: has no row"):
        encoder.embed(near)


def test_a_row_that_repeats_a_place_changes_nothing():
    where, values = np.vstack((lonlat(), lonlat()[:5])), np.vstack((vectors(), vectors()[:5]))
    encoder = own(write(where=where, values=values))
    assert len(encoder.lonlat) == N + 5
    np.testing.assert_array_equal(encoder.embed(encoder.lonlat), values)


def test_errors_of_the_table_name_key_and_file():
    with pytest.raises(ValueError, match=r"weights\.file: embeddings\.parquet: has no column 'x'"):
        own(write(), longitude="x")
    with pytest.raises(ValueError, match=r"weights\.file: none\.csv: there is no such file"):
        own("none.csv")


def test_a_checkpoint_of_another_table_is_rejected():
    state = dict(own(write()).state_dict())
    own(write()).load_state_dict(state)
    assert sum(tensor.numel() for tensor in state.values()) <= 64 * D
    with pytest.raises(ValueError, match=r"weights\.file: other\.csv: its embeddings differ"):
        own(write("other.csv", values=vectors()[::-1])).load_state_dict(state)
    assert isinstance(state["witness"], torch.Tensor)


def test_a_leaf_fits_the_target():
    leaf = {
        "_target_": "earthdim.encoders.custom.table.embeddings",
        "file": "f",
        "longitude": "a",
        "latitude": "b",
        "features": None,
    }
    check_target(leaf, "weights")
