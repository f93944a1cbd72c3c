"""Zarr stores with named axes, and stores with omitted chunks."""

import shutil
import warnings

import numpy as np
import pytest
import xarray as xr
import zarr

from earthdim.data.coordinate_tables import TableError, outline, points, read


def lonlat(n):
    rng = np.random.default_rng(0)
    return np.column_stack((rng.uniform(-180, 180, n), rng.uniform(-90, 90, n)))


def vectors(n, d):
    return np.random.default_rng(1).standard_normal((n, d)).astype(np.float32)


def rejected(path, n, message, features=None):
    for look in (
        lambda: outline.check(path, n, features=features),
        lambda: read(path, features=features),
    ):
        with pytest.raises(TableError, match=message):
            look()


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(("n", "d"), [(12, 12), (12, 5), (5, 12), (12, 2)])
@pytest.mark.parametrize(
    "dims", [("point", "feature"), ("feature", "point"), ("x", "sample"), ("sample", "x")]
)
def test_the_axis_of_the_places_is_that_of_their_coordinates(dims, n, d, zarr_format, tmp_path):
    along = "point" if "point" in dims else "sample"
    at, values = lonlat(n), vectors(n, d)
    data = values if dims[0] == along else values.T
    data = xr.Dataset({"v": (dims, data)}, coords={"lon": (along, at[:, 0]), "lat": (along, at[:, 1])})
    data.to_zarr(tmp_path / "t.zarr", zarr_format=zarr_format, consolidated=False)
    outline.check(tmp_path / "t.zarr", n)
    table = read(tmp_path / "t.zarr")
    np.testing.assert_array_equal(table.values, values)
    np.testing.assert_array_equal(table.lonlat, at)


@pytest.mark.parametrize("n", [2, 9])
@pytest.mark.parametrize("swapped", [False, True])
def test_an_array_of_places_determines_the_axis(swapped, n, tmp_path):
    at, values = lonlat(n), vectors(n, 9)
    dims = ("xy", "point") if swapped and n > 2 else ("point", "xy")
    data = {
        "lonlat": (dims, at.T if dims[0] == "xy" else at),
        "v": (("feature", "point"), values.T),
    }
    xr.Dataset(data).to_zarr(tmp_path / "t.zarr", consolidated=False)
    table = read(tmp_path / "t.zarr", features="v")
    np.testing.assert_array_equal(table.lonlat, at)
    np.testing.assert_array_equal(table.values, values)


def test_axes_without_names_count_places_first(tmp_path):
    at, values = lonlat(6), vectors(6, 6)
    group = zarr.open_group(tmp_path / "t.zarr", mode="w")
    for name, array in (("lon", at[:, 0]), ("lat", at[:, 1]), ("v", values)):
        group.create_array(name, data=array)
    np.testing.assert_array_equal(read(tmp_path / "t.zarr").values, values)


@pytest.mark.parametrize("shape", [(6, 6), (6, 8)])
@pytest.mark.parametrize("names", [("lat", "lon"), ("latitude", "longitude")])
def test_a_grid_is_rejected_square_or_not(names, shape, tmp_path):
    coords = {names[0]: np.linspace(40, 41, shape[0]), names[1]: np.linspace(5, 6, shape[1])}
    bands = {f"A{i:02}": (names, vectors(*shape)) for i in range(3)}
    xr.Dataset(bands, coords=coords).to_zarr(tmp_path / "t.zarr", consolidated=False)
    message = rf"'{names[1]}' lies along '{names[1]}' and '{names[0]}' lies along '{names[0]}': a grid"
    rejected(tmp_path / "t.zarr", 5, message, "A*")
    with pytest.raises(TableError, match=message):
        points(tmp_path / "t.zarr")
    # What the message says.
    data = xr.Dataset(bands, coords=coords).stack(point=list(names)).reset_index("point")
    data.to_zarr(tmp_path / "s.zarr", consolidated=False)
    table = read(tmp_path / "s.zarr", features="A*")
    np.testing.assert_array_equal(table.values[:, 1], bands["A01"][1].ravel())


def test_features_along_other_axes_than_the_places_are_rejected(tmp_path):
    at = lonlat(6)
    data = {"v": (("point", "feature"), vectors(6, 3)), "other": (("row", "feature"), vectors(6, 3))}
    data = xr.Dataset(data, coords={"lon": ("point", at[:, 0]), "lat": ("point", at[:, 1])})
    data.to_zarr(tmp_path / "t.zarr", consolidated=False)
    np.testing.assert_array_equal(read(tmp_path / "t.zarr", features="v").values, vectors(6, 3))
    rejected(
        tmp_path / "t.zarr",
        6,
        "'other' lies along 'row' and 'feature', but the places along 'point'",
        "other",
    )


N = 20


def plain(path, chunks=(5, 2), fill=0, zeros=(), at=None, **more):
    """A store of Zarr itself; the features numbered in `zeros` are 0 everywhere."""
    at, values = lonlat(N) if at is None else at, vectors(N, 6)
    values[:, list(zeros)] = 0
    group = zarr.open_group(path, mode="w")
    for name, array, size in (("lon", at[:, 0], (5,)), ("lat", at[:, 1], (5,)), ("v", values, chunks)):
        group.create_array(name, data=array, chunks=size, fill_value=fill, **(more if name == "v" else {}))
    return values


@pytest.mark.parametrize("chunks", [(5, 2), (20, 1), (20, 2)])
def test_omitted_chunks_of_zeros_are_read_with_a_warning(chunks, tmp_path):
    values = plain(tmp_path / "t.zarr", chunks, zeros=(2, 3))
    with pytest.warns(UserWarning, match=r"t\.zarr: 'v' lacks \d+ of its \d+ chunks: .* fill value 0"):
        table = read(tmp_path / "t.zarr")
    np.testing.assert_array_equal(table.values, values)


def test_a_whole_feature_array_may_have_no_chunks(tmp_path):
    at = lonlat(N)
    group = zarr.open_group(tmp_path / "t.zarr", mode="w")
    columns = {"lon": at[:, 0], "lat": at[:, 1], "A00": at[:, 0] / 7, "A01": np.zeros(N)}
    for name, column in columns.items():
        group.create_array(name, data=column)
    with pytest.warns(UserWarning, match="'A01' lacks 1 of its 1 chunks"):
        table = read(tmp_path / "t.zarr", features="A*")
    np.testing.assert_array_equal(table.values, np.column_stack((columns["A00"], columns["A01"])))
    lacking(tmp_path / "t.zarr", "'A01' lacks 1 of its 1 chunks, and some places have no chunk", "A01")


def lacking(path, message, features="v"):
    with pytest.raises(TableError, match=message):
        read(path, features=features)


def test_a_whole_store_warns_of_nothing(tmp_path):
    plain(tmp_path / "t.zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(tmp_path / "t.zarr")


def test_places_without_any_chunk_are_rejected(tmp_path):
    plain(tmp_path / "t.zarr")
    for column in range(3):
        (tmp_path / "t.zarr" / "v" / "c" / "1" / str(column)).unlink()
    lacking(tmp_path / "t.zarr", r"t\.zarr: 'v' lacks 3 of its 12 chunks, and some places have no chunk")
    shutil.rmtree(tmp_path / "t.zarr" / "v" / "c")
    lacking(tmp_path / "t.zarr", r"'v' lacks 12 of its 12 chunks")
    plain(tmp_path / "u.zarr")
    for name in ("lon", "lat"):
        (tmp_path / "u.zarr" / name / "c" / "3").unlink()
    with pytest.raises(TableError, match="'lon' lacks 1 of its 4 chunks, and some places have no chunk"):
        outline.check(tmp_path / "u.zarr", N)


def test_coordinates_of_zeros_are_read_with_a_warning(tmp_path):
    """All on Greenwich, and a row of a grid on the equator."""
    at = lonlat(N)
    at[:, 0] = 0
    plain(tmp_path / "t.zarr", at=at)
    with pytest.warns(UserWarning, match="'lon' lacks 4 of its 4 chunks"):
        np.testing.assert_array_equal(points(tmp_path / "t.zarr"), at)
    at = lonlat(N)
    at[5:10, 1] = 0
    plain(tmp_path / "t.zarr", at=at)
    with pytest.warns(UserWarning, match="'lat' lacks 1 of its 4 chunks"):
        np.testing.assert_array_equal(points(tmp_path / "t.zarr"), at)


def test_omitted_chunks_along_the_second_axis_and_in_shards(tmp_path):
    at, values = lonlat(N), vectors(N, 6)
    values[:, 2:4] = 0
    group = zarr.open_group(tmp_path / "t.zarr", mode="w")
    group.create_array("v", data=values.T, chunks=(2, 5), dimension_names=("feature", "point"))
    for name, column in (("lon", at[:, 0]), ("lat", at[:, 1])):
        group.create_array(name, data=column, dimension_names=("point",))
    with pytest.warns(UserWarning, match="'v' lacks 4 of its 12 chunks"):
        np.testing.assert_array_equal(read(tmp_path / "t.zarr").values, values)
    for feature in (0, 2):
        (tmp_path / "t.zarr" / "v" / "c" / str(feature) / "1").unlink()
    lacking(tmp_path / "t.zarr", "'v' lacks 6 of its 12 chunks, and some places have no chunk")
    values = plain(tmp_path / "s.zarr", chunks=(5, 2), zeros=(2, 3), shards=(10, 2))
    with pytest.warns(UserWarning, match="'v' lacks 2 of its 6 chunks"):
        np.testing.assert_array_equal(read(tmp_path / "s.zarr").values, values)


def test_omitted_chunks_with_fill_value_nan_are_rejected(tmp_path):
    plain(tmp_path / "t.zarr", fill=np.nan)
    (tmp_path / "t.zarr" / "v" / "c" / "1" / "0").unlink()
    with pytest.warns(UserWarning, match="fill value nan"):
        lacking(tmp_path / "t.zarr", r"10 values are missing or not finite, the first in 'v_0', row 6")


def test_omitted_chunks_in_a_zip_cause_a_warning(tmp_path):
    values = plain(tmp_path / "t.zarr", zeros=(2, 3))
    shutil.make_archive(str(tmp_path / "t.zarr"), "zip", tmp_path / "t.zarr")
    with pytest.warns(UserWarning, match=r"t\.zarr\.zip: 'v' lacks 4 of its 12 chunks"):
        np.testing.assert_array_equal(read(tmp_path / "t.zarr.zip").values, values)


def test_named_axes_of_length_one_are_dropped(tmp_path):
    at, values = lonlat(6), vectors(6, 4)
    coords = {"lon": ("point", at[:, 0]), "lat": ("point", at[:, 1])}
    data = xr.Dataset({"v": (("year", "feature", "point"), values.T[None])}, coords=coords)
    data.to_zarr(tmp_path / "t.zarr", consolidated=False)
    outline.check(tmp_path / "t.zarr", 6, features="v")
    np.testing.assert_array_equal(read(tmp_path / "t.zarr", features="v").values, values)
    np.testing.assert_array_equal(read(tmp_path / "t.zarr").values, values)
    two = xr.concat([data, data + 1], "year", coords="minimal", compat="override")
    two.to_zarr(tmp_path / "two.zarr", consolidated=False)
    rejected(tmp_path / "two.zarr", 6, r"'v' has the shape \(6, 2, 4\)", "v")


def test_zeros_are_data_under_the_default_fill_value_of_format_2(tmp_path):
    """Zarr's format 2 has a fill value of 0 by default, which xarray takes for missing."""
    at, values = lonlat(6), vectors(6, 4)
    at[2], values[:, 1] = 0, 0
    group = zarr.open_group(tmp_path / "t.zarr", mode="w", zarr_format=2)
    columns = {"lon": at[:, 0], "lat": at[:, 1], "v": values}
    for name, column in columns.items():
        array = group.create_array(name, data=column)
        array.attrs["_ARRAY_DIMENSIONS"] = ["point", "feature"][: column.ndim]
    np.testing.assert_array_equal(read(tmp_path / "t.zarr").values, values)
    np.testing.assert_array_equal(points(tmp_path / "t.zarr"), at)
    group["v"].attrs["_FillValue"] = 0
    lacking(tmp_path / "t.zarr", "6 values are missing or not finite, the first in 'v_1', row 1")
