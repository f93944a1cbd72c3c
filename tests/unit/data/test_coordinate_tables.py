import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyproj import CRS

from earthdim.data.coordinate_tables import TableError, points, read
from earthdim.storage import stores

N, D = 23, 5


def lonlat(n=N):
    rng = np.random.default_rng(0)
    return np.column_stack((rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))))


def vectors(n=N, d=D, dtype=np.float32):
    # Every exponent, so that a format that loses a bit is seen to.
    rng = np.random.default_rng(1)
    return (rng.standard_normal((n, d)) * 10.0 ** rng.integers(-30, 30, (n, d))).astype(dtype)


def frame(where=None, values=None):
    where = lonlat() if where is None else np.asarray(where, dtype=float)
    values = vectors(len(where)) if values is None else np.asarray(values)
    table = pd.DataFrame({"lon": where[:, 0], "lat": where[:, 1]})
    return table.assign(**{f"emb_{i}": values[:, i] for i in range(values.shape[1])})


def write_geoparquet(path, where, values, crs="absent", geometry=None, encoding="WKB"):
    geometry = shapely.to_wkb(shapely.points(where)) if geometry is None else geometry
    about = {"encoding": encoding, "geometry_types": ["Point"]} | ({} if crs == "absent" else {"crs": crs})
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": about}}
    table = pa.table(
        {
            **{f"emb_{i}": pa.array(values[:, i]) for i in range(values.shape[1])},
            "geometry": pa.array(geometry, pa.binary()),
        }
    )
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)


def write(kind, folder, where, values):
    """One table in the format `kind`, and the arguments to read it with."""
    columns = frame(where, values)
    if kind == "csv":
        path = folder / "t.csv"
        columns.to_csv(path, index=False)
        return path, {}
    if kind == "csv of lists":
        path = folder / "t.csv"
        pd.DataFrame({**columns[["lon", "lat"]], "v": [json.dumps(row.tolist()) for row in values]}).to_csv(
            path
        )
        return path, {"features": "v"}
    if kind == "parquet":
        path = folder / "t.parquet"
        columns.to_parquet(path)
        return path, {"features": "emb_*"}
    if kind in ("parquet of lists", "parquet of fixed lists"):
        path = folder / "t.parquet"
        item = pa.from_numpy_dtype(values.dtype)
        lists = pa.list_(item) if kind == "parquet of lists" else pa.list_(item, values.shape[1])
        table = pa.table(
            {"x": where[:, 0], "y": where[:, 1], "v": pa.array([row.tolist() for row in values], lists)}
        )
        pq.write_table(table, path, row_group_size=7)
        return path, {"longitude": "x", "latitude": "y"}
    if kind == "geoparquet":
        path = folder / "t.geoparquet"
        write_geoparquet(path, where, values)
        return path, {}
    if kind == "npz":
        path = folder / "t.npz"
        np.savez(path, lon=where[:, 0], lat=where[:, 1], vectors=values, ids=np.arange(len(where)))
        return path, {}
    path = folder / "t.zarr"
    if kind.startswith("plain zarr"):
        group = zarr.open_group(path, mode="w", zarr_format=int(kind[-1]))
        for name, array in (("lon", where[:, 0]), ("lat", where[:, 1]), ("vectors", values)):
            group.create_array(name, data=array)
        return path, {}
    dataset = xr.Dataset(
        {"embedding": (("point", "feature"), values), "crs": ((), 0)},
        coords={"lon": ("point", where[:, 0]), "lat": ("point", where[:, 1])},
    )
    if kind.startswith("xarray zarr"):
        dataset.to_zarr(path, zarr_format=int(kind[-1]), consolidated=False)
        return path, {}
    stores.save_store(dataset, path, "embeddings", {})
    return path, {}


KINDS = [
    "csv", "csv of lists", "parquet", "parquet of lists", "parquet of fixed lists", "geoparquet", "npz", "plain zarr 2",
    "plain zarr 3", "xarray zarr 2", "xarray zarr 3", "earthdim zarr",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_tables_are_read_bit_for_bit(kind, tmp_path):
    path, arguments = write(kind, tmp_path, lonlat(), vectors())
    table = read(path, **arguments)
    np.testing.assert_array_equal(table.lonlat, lonlat())
    assert table.lonlat.dtype == np.float64
    np.testing.assert_array_equal(table.values.astype(np.float32), vectors())
    assert table.values.dtype == (np.float64 if kind.startswith("csv") else np.float32)
    assert len(table.names) == D == len(set(table.names))
    arguments.pop("features", None)
    np.testing.assert_array_equal(points(path, **arguments), lonlat())


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz", "plain zarr 3"])
def test_float64_keeps_its_last_bit(kind, tmp_path):
    values = vectors(dtype=np.float64)
    path, arguments = write(kind, tmp_path, lonlat(), values)
    np.testing.assert_array_equal(read(path, **arguments).values, values)


@settings(max_examples=25, deadline=None)
@given(arrays(np.float32, (3, 2), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_any_float32_survives_text(values):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path, _ = write("csv", Path(folder), lonlat(3), values)
        np.testing.assert_array_equal(read(path, features="emb_*").values.astype(np.float32), values)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("int8", "float32"), ("uint16", "float32"), ("float16", "float32"), ("int32", "float64")],
)
def test_quantised_vectors_become_floating_point_exactly(dtype, expected, tmp_path):
    values = np.arange(N * D).reshape(N, D).astype(dtype)
    path, _ = write("npz", tmp_path, lonlat(), values)
    table = read(path)
    assert table.values.dtype == expected
    np.testing.assert_array_equal(table.values, values)


def test_features_are_named_ordered_or_matched(tmp_path):
    path, _ = write("parquet", tmp_path, lonlat(), vectors(d=11))
    assert read(path, features="emb_1*").names == ("emb_1", "emb_10")
    assert read(path).names == tuple(f"emb_{i}" for i in range(11))
    picked = read(path, features=["emb_3", "emb_0"])
    np.testing.assert_array_equal(picked.values, vectors(d=11)[:, [3, 0]])
    assert read(path, features="emb_2").values.shape == (N, 1)


@pytest.mark.parametrize("kind", ["csv", "geoparquet", "npz"])
def test_longitudes_from_0_to_360_are_wrapped(kind, tmp_path):
    where = np.array([[0.0, 1], [180, 2], [180.5, 3], [359.75, 4], [360, 5]])
    path, _ = write(kind, tmp_path, where, vectors(5))
    np.testing.assert_array_equal(read(path).lonlat[:, 0], [0, 180, -179.5, -0.25, 0])
    np.testing.assert_array_equal(points(path), read(path).lonlat)


@pytest.mark.parametrize("crs", ["absent", CRS("OGC:CRS84").to_json_dict(), CRS("EPSG:4326").to_json_dict()])
def test_geometry_in_degrees_is_read(crs, tmp_path):
    write_geoparquet(tmp_path / "t.parquet", lonlat(), vectors(), crs)
    np.testing.assert_array_equal(read(tmp_path / "t.parquet").lonlat, lonlat())


@pytest.mark.parametrize(
    ("crs", "message"),
    [
        (CRS("EPSG:3857").to_json_dict(), "WGS 84 / Pseudo-Mercator"),
        (CRS("EPSG:4267").to_json_dict(), "NAD27"),
        (None, "no coordinate reference system"),
    ],
)
def test_geometry_in_another_system_is_rejected_by_name(crs, message, tmp_path):
    write_geoparquet(tmp_path / "t.parquet", lonlat(), vectors(), crs)
    with pytest.raises(TableError, match=rf"t\.parquet: 'geometry' .*{message}"):
        read(tmp_path / "t.parquet")


def test_geometries_that_are_not_points_are_rejected(tmp_path):
    line = shapely.to_wkb(shapely.LineString([(0, 0), (1, 1)]))
    point = shapely.to_wkb(shapely.Point(3, 4))
    for wrong, words in ((line, "geometries other than points and polygons"), (None, "no geometry")):
        write_geoparquet(tmp_path / "t.parquet", lonlat(3), vectors(3), geometry=[point, wrong, wrong])
        with pytest.raises(TableError, match=f"{words}.* in 2 of 3 rows, the first in row 2"):
            read(tmp_path / "t.parquet")
    write_geoparquet(tmp_path / "t.parquet", lonlat(3), vectors(3), geometry=[point, b"nothing", point])
    with pytest.raises(TableError, match="cannot be read as WKT"):
        read(tmp_path / "t.parquet")
    write_geoparquet(tmp_path / "t.parquet", lonlat(1), vectors(1), encoding="polygon")
    with pytest.raises(TableError, match=r"'geometry' cannot be read .*not of the encoding polygon"):
        read(tmp_path / "t.parquet")


BAD = [
    (frame().drop(columns="lon"), {}, r"has no column 'lon'; there are lat, emb_0"),
    (frame().drop(columns="lat"), {}, r"has no column 'lat'"),
    (frame(), {"longitude": "x"}, r"has no column 'x'"),
    (frame(), {"features": ["emb_0", "emb_9"]}, r"has no column 'emb_9'"),
    (frame(), {"features": "vec_*"}, r"matches 'vec_\*'"),
    (frame(), {"features": ["emb_0", "emb_0"]}, r"'emb_0' twice"),
    (frame(), {"features": []}, r"features is empty"),
    (frame()[["lon", "lat"]], {}, r"no column except the coordinates"),
    (frame()[:0], {}, r"has no rows"),
    (frame()[["lon", "lat"]].assign(name="a"), {}, r"'name' is not numeric"),
    (frame().assign(lat="north"), {}, r"'lat' is not numeric"),
    (frame(), {"features": "name"}, r"no column 'name'"),
    (frame().assign(emb_1=[1.0, np.nan, np.inf, *range(N - 3)]), {}, r"2 values .*'emb_1', row 2"),
    (frame().assign(lon=[1.0, 2.0, np.nan, *range(N - 3)]), {}, r"1 values .*'lon', row 3"),
    (frame([[0, 0], [0, 91], [0, -91]]), {}, r"'lat' holds latitudes .* 2 of 3 rows, the first in row 2"),
    (frame([[0, 0], [361, 1], [2, 2]]), {}, r"'lon' holds longitudes .* 1 of 3 rows, the first in row 2"),
    (frame([[-181, 0], [1, 1]]), {}, r"'lon' holds longitudes"),
    (
        frame([[1, 2], [5, 5], [361 - 360, 2], [5, 5], [7, 7], [5, 5]], [[1.0], [2], [3], [2], [3], [4]]),
        {},
        r"2 places have rows with different vectors, for example longitude 1.0, latitude 2.0 in rows 1 and 3",
    ),
]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(("table", "arguments", "message"), BAD, ids=[message for *_, message in BAD])
def test_invalid_tables_are_errors_that_name_file_and_column(table, arguments, message, suffix, tmp_path):
    path = tmp_path / f"t.{suffix}"
    getattr(table, f"to_{suffix}")(path, index=False)
    with pytest.raises(TableError, match=rf"t\.{suffix}: .*{message}"):
        read(path, **arguments)


def test_a_place_may_be_repeated_with_its_vector(tmp_path):
    table = pd.concat([frame(), frame()[:3]])
    table.to_csv(tmp_path / "t.csv", index=False)
    assert len(read(tmp_path / "t.csv").lonlat) == N + 3
    # Longitudes 359 and -1 are one meridian.
    frame([[359, 1], [-1, 1]], [[1.0], [2]]).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(TableError, match="1 places have rows with different vectors"):
        read(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ([[1.0, 2], [3.0], [1.0, 2]], "lists of another length .* in 1 of 3 rows, the first in row 2"),
        ([[1.0, 2], [3.0, 4], []], "an empty one in 1 of 3 rows, the first in row 3"),
        ([[1.0, 2], None, [3.0, 4]], "row 2"),
        ([[1.0, 2], [3.0, None], [3.0, 4]], "'v_1', row 2|Python objects"),
        ([["a", "b"], ["c", "d"], ["e", "f"]], "'v' is not numeric"),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_ragged_or_incomplete_lists_are_rejected(lists, message, suffix, tmp_path):
    path, where = tmp_path / f"t.{suffix}", {"lon": [0.0, 1, 2], "lat": [0.0, 1, 2]}
    if suffix == "csv":
        texts = [None if row is None else json.dumps(row) for row in lists]
        pd.DataFrame({**where, "v": texts}).to_csv(path, index=False)
        message += "|cannot be read"
    else:
        pq.write_table(pa.table({**where, "v": lists}), path)
    with pytest.raises(TableError, match=message):
        read(path, features="v")


class Trap:
    def __reduce__(self):
        return (open, ("trapped", "w"))


def test_pickles_in_npz_are_never_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("t.npz", lon=[0.0], lat=[0.0], vectors=np.array([[Trap()]]))
    with pytest.raises(TableError, match=r"t\.npz: 'vectors' holds objects, .*pickle"):
        read("t.npz")
    np.savez("t.npz", lon=np.array([Trap()]), lat=[0.0], vectors=[[1.0]])
    with pytest.raises(TableError, match=r"'lon' holds objects, .*pickle"):
        points("t.npz")
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"lon": [0.0, 1], "lat": [0.0, 1]}, "has 0 arrays of two axes"),
        ({"lon": [1.0], "lat": [1.0], "a": [[1.0]], "b": [[1.0]]}, "has 2 arrays of two axes"),
        ({"lon": [0.0, 1], "lat": [0.0, 1, 2], "a": [[1.0]]}, "a grid"),
        ({"lon": [[0.0, 1]], "lat": [[0.0, 1]], "a": [[1.0]]}, "'lon' has 2 axes"),
        (
            {"lon": [0.0, 1], "lat": [0.0, 1], "a": [[1.0]]},
            r"'a' has the shape \(1, 1\), but there are 2 places",
        ),
        ({"lon": [1.0], "lat": [1.0], "a": np.empty((1, 0))}, r"'a' has the shape \(1, 0\)"),
        ({"lon": [1.0], "lat": [1.0], "a": [[1j]]}, "'a' is not numeric but holds complex128"),
        ({"lon": [1.0], "lat": [1.0], "a": [["x"]]}, "'a' is not numeric"),
    ],
)
@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
@pytest.mark.parametrize("kind", ["npz", "zarr"])
def test_invalid_arrays_are_rejected(made, message, kind, tmp_path):
    path = tmp_path / f"t.{kind}"
    if kind == "npz":
        np.savez(path, **made)
    else:
        group = zarr.open_group(path, mode="w")
        for name, values in made.items():
            group.create_array(name, data=np.asarray(values))
    with pytest.raises(TableError, match=rf"t\.{kind}: .*{message}"):
        read(path)


def test_arrays_by_name(tmp_path):
    np.savez(tmp_path / "t.npz", lon=lonlat()[:, 0], lat=lonlat()[:, 1], a=vectors(), b=vectors()[:, 0])
    table = read(tmp_path / "t.npz", features=["b", "a"])
    assert table.names == ("b", *(f"a_{i}" for i in range(D)))
    np.testing.assert_array_equal(table.values, np.column_stack((vectors()[:, 0], vectors())))


def test_packed_values_of_xarray_are_unpacked_and_gaps_rejected(tmp_path):
    where, values = lonlat(3), np.array([[0.5, -1.0], [0.25, 2.0], [0.0, 1.0]])
    dataset = xr.Dataset(
        {"v": (("point", "feature"), values)},
        coords={"lon": ("point", where[:, 0]), "lat": ("point", where[:, 1])},
    )
    packing = {"v": {"dtype": "int16", "scale_factor": 0.25, "_FillValue": -999}}
    dataset.to_zarr(tmp_path / "t.zarr", encoding=packing, consolidated=False)
    np.testing.assert_array_equal(read(tmp_path / "t.zarr").values, values)
    dataset.where(dataset["v"] != 2).to_zarr(tmp_path / "gap.zarr", encoding=packing, consolidated=False)
    with pytest.raises(TableError, match="1 values are missing or not finite, the first in 'v_1', row 2"):
        read(tmp_path / "gap.zarr")
    group = zarr.open_group(tmp_path / "plain.zarr", mode="w")
    for name, array in (("lon", where[:, 0]), ("lat", where[:, 1]), ("v", values)):
        group.create_array(name, data=array)
    group["v"].attrs["scale_factor"] = 0.1
    with pytest.raises(TableError, match="'v' is packed"):
        read(tmp_path / "plain.zarr")


def test_a_damaged_store_of_embeddings_is_rejected(tmp_path):
    path, _ = write("earthdim zarr", tmp_path, lonlat(), vectors())
    zarr.open_group(path, mode="r+")["embedding"][0, 0] = 5.0
    with pytest.raises(TableError, match="embedding is damaged"):
        read(path)


def test_files_that_are_not_tables_are_rejected_by_name(tmp_path):
    (tmp_path / "none.parquet").write_bytes(b"nothing of the kind")
    (tmp_path / "none.npz").write_bytes(b"nothing of the kind")
    (tmp_path / "t.csv").write_bytes(b"")
    (tmp_path / "u.csv").write_bytes(b"lon,lat,a\n1,2,3\n1,2,3,4,5\n")
    (tmp_path / "long.csv").write_bytes(b"lon,lat,a\n1,2,3,4\n5,6,7,8\n")
    (tmp_path / "short.csv").write_bytes(b"lon,lat,a\n1,2,3\n1,2\n")
    (tmp_path / "twice.csv").write_bytes(b"lon,lat,lat\n1,2,3\n")
    (tmp_path / "t.zarr").mkdir()
    (tmp_path / "t.txt").write_text("")
    (tmp_path / "folder.csv").mkdir()
    np.save(tmp_path / "single.npy", np.ones(3))
    (tmp_path / "single.npy").rename(tmp_path / "single.npz")
    path, _ = write("npz", tmp_path, lonlat(), vectors())
    (tmp_path / "cut.npz").write_bytes(path.read_bytes()[:-60])
    path, _ = write("parquet", tmp_path, lonlat(), vectors())
    (tmp_path / "cut.parquet").write_bytes(path.read_bytes()[:-60])
    (tmp_path / "t.npz").write_bytes(b"PK\x03\x04 nothing")
    names = {*(path.name for path in tmp_path.iterdir()), "none.csv"} - {path.name}
    assert len(names) == 15
    for name in sorted(names):
        with pytest.raises(TableError, match=name):
            read(tmp_path / name)


def test_unnumbered_columns_are_features_only_if_named(tmp_path):
    where, values = lonlat(), vectors()
    frame(where, values).assign(x=1.5).to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(UserWarning, match=r"the 5 numbered columns emb_0 \.\.\.; ignored: x"):
        assert read(tmp_path / "t.csv").names == tuple(f"emb_{i}" for i in range(D))
    assert read(tmp_path / "t.csv", features=["emb_0", "x"]).names == ("emb_0", "x")


def test_a_store_with_a_lost_chunk_is_rejected(tmp_path):
    group = zarr.open_group(tmp_path / "t.zarr", mode="w")
    for name, column in (("lon", lonlat()[:, 0]), ("lat", lonlat()[:, 1]), ("v", vectors())):
        group.create_array(name, data=column, chunks=(5, *column.shape[1:]))
    assert len(read(tmp_path / "t.zarr").values) == N
    (tmp_path / "t.zarr" / "v" / "c" / "1" / "0").unlink()
    with pytest.raises(TableError, match=r"'v' lacks 1 of its \d+ chunks"):
        read(tmp_path / "t.zarr")
