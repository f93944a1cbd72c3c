"""Invalid tables of embeddings fail before any job starts; one line names the key or the file."""

from pathlib import Path

import numpy as np
import pytest
from wrong_input import TABLE, csv, refused_with, table, text

TABLES = {
    "none": (None, "weights.mine.build.file: t.csv does not exist"),
    "empty": (text(""), "weights.mine.build.file: t.csv is empty"),
    "header alone": (text("lon,lat,emb_0\n"), "weights.mine.build.file: t.csv: has no rows"),
    "ragged": (text("lon,lat,emb_0\n1,2,3\n1,2\n"), "weights.mine.build.file: t.csv: cannot be read as CSV"),
    "a folder": (Path.mkdir, "weights.mine.build.file: t.csv: is a folder"),
    "too few rows": (csv(n=300), "weights.mine.build.file: t.csv: has 300 rows, fewer than n = 400"),
    "no longitude": (csv(lon=None), "t.csv: has no column 'lon'; there are lat, emb_0, emb_1"),
    "no features": (
        csv(emb_0=None, emb_1=None),
        "t.csv: no column except coordinates matches 'emb_*'",
    ),
    "latitude": (
        csv(lat=np.full(400, 95.0)),
        "t.csv: 'lat' holds latitudes outside -90 to 90 degrees in 400",
    ),
    "longitude missing": (
        csv(lon=np.r_[np.nan, np.zeros(399)]),
        "missing or not finite, the first in 'lon', row 1",
    ),
    "words": (csv(emb_0=["x"] * 400), "t.csv: 'emb_0' is not numeric but holds string"),
    "a stranger": (
        csv(**{f"emb_{i}": np.arange(400.0) for i in range(2, 9)}, emb_area=np.arange(400.0)),
        "t.csv: 'emb_*' matches 'emb_area' in addition to the numbered emb_0 to emb_8; write features: 'emb_[0-9]'",
    ),
    "scales": (
        csv(emb_0=np.arange(400), emb_1=np.arange(400), scale=np.full(400, 0.5)),
        "t.csv: 'scale' seems to hold the scales of quantised features; set dequantise: tessera",
    ),
}


@pytest.mark.parametrize("case", TABLES, ids=str)
def test_a_table(resolve, tmp_path, case):
    make, message = TABLES[case]
    if make is not None:
        make(tmp_path / "t.csv")
    refused_with(resolve, message, "weights/mine.yaml", TABLE)


def damaged(path):
    """An archive whose header of the features is damaged."""
    np.savez(path, lon=np.zeros(400), lat=np.zeros(400), emb_0=np.zeros((400, 2)))
    content = bytearray(path.read_bytes())
    start = content.index(b"emb_0.npy") - 30
    content[start : start + 4] = b"lost"
    path.write_bytes(content)


OTHER_TABLES = {
    "few rows": (
        "t.parquet",
        lambda path: table(n=300).to_parquet(path),
        "t.parquet: has 300 rows, fewer than n = 400",
    ),
    "words": ("t.parquet", lambda path: table(emb_0=["x"] * 400).to_parquet(path), "'emb_0' is not numeric"),
    "none": ("t.parquet", text("hello, this is no table"), "t.parquet: cannot be read as Parquet"),
    "braces": ("t{x}.csv", csv(), "'t{x}.csv': Snakemake reads braces"),
    "bytes": (
        "t.bin",
        text("\0\1\2"),
        "t.bin: has an unsupported format (its first bytes",
    ),
    "objects": (
        "t.npz",
        lambda path: np.savez(path, lon=np.zeros(400), lat=np.zeros(400), emb_0=np.array([{}] * 400)),
        "t.npz: 'emb_0' holds objects, which cannot be read without running a pickle",
    ),
    "shape": (
        "t.npz",
        lambda path: np.savez(path, lon=np.zeros(400), lat=np.zeros(400), emb_0=np.zeros((300, 2))),
        "'emb_0' has the shape (300, 2), but there are 400 places",
    ),
    "damaged": ("t.npz", damaged, "t.npz: 'emb_0' is damaged (Bad magic number"),
    "group": ("t.zarr", Path.mkdir, "t.zarr: is not a Zarr group"),
}


@pytest.mark.parametrize("case", OTHER_TABLES, ids=str)
def test_a_table_of_another_format(resolve, tmp_path, case):
    name, make, message = OTHER_TABLES[case]
    make(tmp_path / name)
    leaf = TABLE.replace("t.csv", name)
    refused_with(resolve, message, "weights/mine.yaml", leaf)


# Keys of the leaf that describe the values of a table.
OF_VALUES = {
    "undecided": (
        "features: null",
        "t.csv: its features are ambiguous: candidates are emb_0 to emb_1, station",
    ),
    "no number": ("no_data: nothing", "weights.mine.build.no_data: 'nothing' is neither a number nor nan"),
    "no list of numbers": ("no_data: [1, [2]]", "weights.mine.build.no_data: "),
    "rows left out": ("no_data: -9999", "t.csv: has 380 rows with data, fewer than n = 400"),
    "no known word": ("dequantise: tesera", "weights.mine.build.dequantise: 'tesera' is not one of"),
    "no scales": ("dequantise: tessera", "t.csv: dequantise: tessera needs scales"),
    "other scales": ("dequantise: tessera\n  scales: s", "t.csv: has no column 's'"),
    "scales alone": ("scales: station", "t.csv: scales: 'station' is used only with dequantise: tessera"),
}


@pytest.mark.parametrize("case", OF_VALUES, ids=str)
def test_keys_of_a_leaf_that_describe_the_values(resolve, tmp_path, case):
    words, message = OF_VALUES[case]
    emb_0 = np.where(np.arange(400) % 20 == 0, -9999.0, np.linspace(0, 1, 400))
    csv(emb_0=emb_0, station=np.arange(400))(tmp_path / "t.csv")
    leaf = TABLE.replace("features: emb_*", words) if words.startswith("features") else f"{TABLE}  {words}\n"
    refused_with(resolve, message, "weights/mine.yaml", leaf)
