"""The format of a table is recognised by its first bytes, under any name."""

import bz2
import gzip
import os
import zipfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import xarray as xr
import zarr

from earthdim.data.coordinate_tables import TableError, outline, points, read
from earthdim.encoders import custom

N, D = 30, 4
TABLE = {"_target_": "earthdim.encoders.custom.table.embeddings"}


def lonlat():
    rng = np.random.default_rng(0)
    return np.column_stack((rng.uniform(-180, 180, N), rng.uniform(-90, 90, N))).round(6)


def vectors(dtype=np.float32):
    return np.random.default_rng(1).standard_normal((N, D)).astype(dtype)


def frame():
    at, values = lonlat(), vectors()
    return pd.DataFrame({"lon": at[:, 0], "lat": at[:, 1], **{f"emb_{i}": values[:, i] for i in range(D)}})


def check(path, features="emb_*", expected=None):
    """The leaf's check, planning and reading agree on the file, and it holds what was written."""
    custom.check({**TABLE, "file": str(path)}, "mine")
    outline.check(path, N, features=features)
    table = read(path, features=features)
    np.testing.assert_array_equal(table.lonlat, lonlat())
    np.testing.assert_array_equal(
        table.values.astype(np.float32), vectors() if expected is None else expected
    )


def rejected(path, message):
    for look in (
        lambda: custom.check({**TABLE, "file": str(path)}, "mine"),
        lambda: outline.check(path, N),
        lambda: read(path),
    ):
        with pytest.raises(ValueError, match=message):
            look()


@pytest.mark.parametrize("name", ["t.pq", "t.parq", "t.gpq", "t.parquet.snappy", "t.csv", "t", "t.PARQUET"])
def test_parquet_under_any_name(name, tmp_path):
    frame().to_parquet(tmp_path / name)
    check(tmp_path / name)


COMPRESSIONS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zst": lambda text: pa.compress(text, "zstd", asbytes=True),
    "two gz": lambda text: gzip.compress(text[:100]) + gzip.compress(text[100:]),
    "plain": lambda text: text,
}


@pytest.mark.parametrize("name", ["t.csv.gz", "t.tsv", "t.txt", "t.csv", "t", "t.dat"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_text_under_any_name_compressed_or_not(compression, name, tmp_path):
    text = frame().to_csv(index=False, sep="\t" if name == "t.tsv" else ",")
    (tmp_path / name).write_bytes(COMPRESSIONS[compression](text.encode()))
    check(tmp_path / name)


def test_damaged_compression_is_rejected(tmp_path):
    whole = gzip.compress(frame().to_csv(index=False).encode())
    (tmp_path / "t.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TableError, match=r"t\.csv\.gz: (is damaged|cannot be read)"):
        read(tmp_path / "t.csv.gz")


def test_arrow_files_streams_and_feather(tmp_path):
    table = pa.Table.from_pandas(frame())
    for compression in ("lz4", "zstd", "uncompressed"):
        pyarrow.feather.write_feather(table, tmp_path / "t.feather", compression=compression)
        check(tmp_path / "t.feather")
    with pa.OSFile(str(tmp_path / "t.arrows"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    check(tmp_path / "t.arrows")
    content = (tmp_path / "t.feather").read_bytes()
    (tmp_path / "cut.feather").write_bytes(content[: len(content) // 2])
    with pytest.raises(TableError, match=r"cut\.feather: cannot be read as Arrow"):
        read(tmp_path / "cut.feather")


def test_a_folder_of_parts_as_spark_dask_and_duckdb_write_it(tmp_path):
    folder = tmp_path / "t.parquet"
    folder.mkdir()
    # Numbered as by Dask: 10 follows 9.
    for i in range(15):
        frame()[2 * i : 2 * i + 2].to_parquet(folder / f"part.{i}.parquet")
    for name in ("_SUCCESS", ".part.0.parquet.crc", "README.txt"):
        (folder / name).write_text("")
    check(folder)
    np.testing.assert_array_equal(points(folder), lonlat())
    found = custom.files({**TABLE, "file": str(folder)})
    assert sum(path.endswith(".parquet") for path in found) == 15
    (folder / "part.3.parquet").write_text("lost")
    rejected(folder, r"part\.3\.parquet is not a Parquet file")


def test_folders_of_keys_and_nested_parts_are_one_table_without_the_keys(tmp_path):
    table = pa.Table.from_pandas(frame().assign(year=[2020] * 10 + [2021] * 20), preserve_index=False)
    ds.write_dataset(
        table, tmp_path / "t", format="parquet", partitioning=["year"], partitioning_flavor="hive"
    )
    assert (tmp_path / "t" / "year=2020").is_dir()
    check(tmp_path / "t", features=None)
    os.rename(tmp_path / "t" / "year=2020", tmp_path / "t" / "_temporary")
    assert len(points(tmp_path / "t")) == 20


def test_parts_with_different_columns_are_rejected(tmp_path):
    folder = tmp_path / "t"
    folder.mkdir()
    frame()[:10].to_parquet(folder / "a.parquet")
    frame()[10:].drop(columns="emb_2").to_parquet(folder / "b.parquet")
    with pytest.raises(TableError, match=r"t: b\.parquet and a\.parquet differ in the column 'emb_2'"):
        read(folder)
    frame()[10:].assign(emb_2="x").to_parquet(folder / "b.parquet")
    with pytest.raises(TableError, match="parts differ in the type of a column"):
        read(folder)
    # Parts of whole numbers, or without rows, are of one table with the others.
    values = frame().assign(emb_2=[1.0] * 10 + [2.5] * 20)
    values[:10].astype({"emb_2": "int32"}).to_parquet(folder / "a.parquet")
    values[10:].to_parquet(folder / "b.parquet")
    values[:0].astype({"emb_2": object}).to_parquet(folder / "c.parquet")
    np.testing.assert_array_equal(read(folder, features="emb_2").values[:, 0], values["emb_2"])


def test_missing_parts_are_detected_by_the_summary(tmp_path):
    collected = []
    for i in range(2):
        table = pa.Table.from_pandas(frame()[15 * i : 15 * i + 15], preserve_index=False)
        pq.write_table(table, tmp_path / f"{i}.parquet", metadata_collector=collected)
        collected[-1].set_file_path(f"{i}.parquet")
    pq.write_metadata(table.schema, tmp_path / "_metadata", collected)
    check(tmp_path)
    (tmp_path / "1.parquet").unlink()
    with pytest.raises(TableError, match="its parts have 15 rows, but _metadata states 30"):
        read(tmp_path)


def store(path, group=None, zarr_format=3):
    data = xr.Dataset(
        {"embedding": (("point", "feature"), vectors())},
        coords={"lon": ("point", lonlat()[:, 0]), "lat": ("point", lonlat()[:, 1])},
    )
    data.to_zarr(path, group=group, mode="a", zarr_format=zarr_format, consolidated=False)


def zipped(folder, archive, below=""):
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                out.write(file, Path(below) / file.relative_to(folder))


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("below", ["", "t.zarr", "a/t.zarr"])
@pytest.mark.parametrize("name", ["t.zarr.zip", "t.zip", "t.zarr"])
def test_a_zipped_store(name, below, zarr_format, tmp_path):
    store(tmp_path / "folder", zarr_format=zarr_format)
    zipped(tmp_path / "folder", tmp_path / name, below)
    check(tmp_path / name, features="embedding")


def test_a_zip_store_as_zarr_writes_it(tmp_path):
    with zarr.storage.ZipStore(tmp_path / "t.zip", mode="w") as archive:
        group = zarr.open_group(archive, mode="w")
        for name, values in (("lon", lonlat()[:, 0]), ("lat", lonlat()[:, 1]), ("embedding", vectors())):
            group.create_array(name, data=values)
    check(tmp_path / "t.zip", features="embedding")
    whole = (tmp_path / "t.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    rejected(tmp_path / "cut.zip", r"cut\.zip: cannot be read as zip")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_only_group_with_arrays_is_read(zarr_format, tmp_path):
    path = tmp_path / "t.zarr"
    store(path, "2020/embeddings", zarr_format)
    check(path, features="embedding")
    zipped(path, tmp_path / "t.zip")
    check(tmp_path / "t.zip", features="embedding")
    store(path, "2021/embeddings", zarr_format)
    for look in (outline.check, lambda path, n: read(path)):
        with pytest.raises(TableError, match=r"2 groups with arrays; name one of them.*2020/embeddings"):
            look(path, N)
    check(path / "2021" / "embeddings", features="embedding")


UNSUPPORTED = {
    "t.h5": (b"\x89HDF\r\n\x1a\n" + bytes(9), "is HDF5 or NetCDF 4"),
    "t.npy": (b"\x93NUMPY\x01\x00", "is a single array"),
    "t.gpkg": (b"SQLite format 3\x00", "is SQLite or GeoPackage"),
    "t.pkl": (b"\x80\x04\x95\x00\x00", "is a pickle"),
    "t.parquet": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
    "t.csv": (b"<!DOCTYPE html><html>", "is HTML or XML"),
    "t.geojson": (b'{"type": "FeatureCollection"}', "is JSON"),
    "t.dat": (bytes(range(256)), "has an unsupported format"),
    "u.parquet": (b"lon,lat,a\n1,2,3\n", "cannot be read as Parquet"),
    "u.zarr": (b"lon,lat,a\n1,2,3\n", "cannot be read as Zarr"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_formats_are_errors_that_name_them(name, tmp_path):
    content, message = UNSUPPORTED[name]
    (tmp_path / name).write_bytes(content)
    rejected(tmp_path / name, rf"{name}: .*{message}")


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("[Content_Types].xml", "is an Excel workbook"),
        ("t/data.pkl", "a file of PyTorch"),
        ("t.csv", "unpack it"),
    ],
)
def test_unsupported_archives_are_errors(member, message, tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr(member, "x")
    rejected(tmp_path / "t.zip", message)


def test_column_names_that_resemble_the_first_bytes_of_other_formats(tmp_path):
    frame().assign(ORCID="a")[["ORCID", *frame().columns]].to_csv(tmp_path / "t.csv", index=False)
    check(tmp_path / "t.csv")


def test_columns_of_other_types(tmp_path):
    at, values = lonlat(), vectors()
    half = values.astype(np.float16)
    columns = {
        "lon": pa.array([Decimal(f"{x:.6f}") for x in at[:, 0]], pa.decimal128(9, 6)),
        "lat": pa.array([Decimal(f"{x:.6f}") for x in at[:, 1]], pa.decimal256(40, 6)).dictionary_encode(),
        "half": pa.FixedSizeListArray.from_arrays(pa.array(half.ravel()), D),
        "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(values),
        "whole": pa.array(np.arange(N * D).reshape(N, D).astype(np.int8).tolist(), pa.large_list(pa.int8())),
        "money": pa.array(
            [[Decimal(f"{x:.3f}") for x in row] for row in values], pa.list_(pa.decimal128(9, 3))
        ),
        "text": [f"{x}" for x in values[:, 0]],
        "truth": values[:, 0] > 0,
    }
    table = pa.table({name: c.cast(pa.decimal128(9, 6)) if name == "x" else c for name, c in columns.items()})
    pyarrow.feather.write_feather(table, tmp_path / "t.feather")
    pq.write_table(table.set_column(1, "lat", columns["lat"].dictionary_decode()), tmp_path / "t.parquet")
    right = {
        "half": half.astype(np.float32),
        "tensor": values,
        "whole": np.arange(N * D).reshape(N, D),
        "money": np.array([[float(f"{x:.3f}") for x in row] for row in values]),
    }
    for name in ("t.feather", "t.parquet"):
        for feature, expected in right.items():
            outline.check(tmp_path / name, N, features=feature)
            got = read(tmp_path / name, features=feature)
            np.testing.assert_array_equal(got.lonlat, at)
            np.testing.assert_array_equal(got.values, expected)
        with pytest.raises(TableError, match="'text' is not numeric but holds string; if these are numbers"):
            read(tmp_path / name, features="text")
        with pytest.raises(TableError, match="'truth' is not numeric but holds bool"):
            read(tmp_path / name, features="truth")
