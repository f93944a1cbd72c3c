"""Points of a table: in its order, as many as requested, never more than its rows."""

import numpy as np
import pandas as pd
import pytest

from earthdim.data.samples.files import points

PLACES = np.array([[11.4, 47.27], [-179.9, -89.0], [180.0, 0.0], [0.1 + 0.2, -1 / 3]])


@pytest.fixture(params=["csv", "parquet", "npz", "zarr"])
def table(request, tmp_path):
    path = tmp_path / f"stations.{request.param}"
    frame = pd.DataFrame(PLACES, columns=["x", "y"])
    if request.param == "csv":
        frame.to_csv(path, index=False)
    elif request.param == "parquet":
        frame.to_parquet(path)
    elif request.param == "npz":
        np.savez(path, x=frame["x"], y=frame["y"])
    else:
        frame.to_xarray().drop_vars("index").to_zarr(path, consolidated=False)
    return str(path)


def draw(path, n, **columns):
    return points(n, np.random.default_rng(0), None, path, **columns)


def test_the_first_rows_are_the_points(table):
    for n in range(1, 5):
        lonlat = draw(table, n, longitude="x", latitude="y")
        assert lonlat.dtype == np.float64
        np.testing.assert_array_equal(lonlat, PLACES[:n])


def test_more_points_than_rows_are_rejected(table):
    with pytest.raises(ValueError, match=r"sample\.n: .*stations\.\w+ has 4 points, not 5"):
        draw(table, 5, longitude="x", latitude="y")
    with pytest.raises(ValueError, match="n must be at least 1"):
        draw(table, 0, longitude="x", latitude="y")


def test_columns_have_usual_names_and_must_exist(table, tmp_path):
    pd.DataFrame(PLACES, columns=["lon", "lat"]).to_csv(tmp_path / "usual.csv", index=False)
    np.testing.assert_array_equal(draw(str(tmp_path / "usual.csv"), 4), PLACES)
    with pytest.raises(ValueError, match=r"stations.* 'lon'"):
        draw(table, 4)


def test_a_file_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^sample\.path: .*none\.csv does not exist"):
        draw(str(tmp_path / "none.csv"), 1)
