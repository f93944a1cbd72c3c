"""Wrong files of a user's own, in process: one sentence that names the key or the file, before any work."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from wrong_input import OWN, RASTER, RELEASED, TABLE, TREE, refused, whole

FUNCTION = """
kind: own
model: mine
_target_: earthdim.encoders.custom.function.location_encoder
callable: my_encoder:embed
"""
EXPORTED = """
kind: own
model: mine
_target_: earthdim.encoders.custom.exported.torchscript
file: m.pt
"""
CHECKPOINT = f"""
kind: released
model: satclip
_target_: earthdim.encoders.released.satclip.location_encoder
legendre_polys: 10
source: {{file: s.ckpt}}
sha256: {"a" * 64}
about: {{title: t, citation: c, address: none, licence: l}}
"""
PROBING = """
tasks: [elevation]
splits: [random]
task_sample: task-land-600
heads: {trained: [], untrained: [], released: [ridge]}
activation_estimator: mle
statistics: default
"""
SAMPLE = "_target_: earthdim.data.samples.{}\nkind: mine\nn: 400\nreplicates: 1\nseed: 9\npath: {}\n"


def refused_with(resolve, message, file, leaf, experiment=OWN):
    """Refuse an experiment of one's own with a leaf of one's own."""
    refused(resolve, message, [whole("experiment/own.yaml", experiment), whole(file, leaf)], "own")


def table(n=400, **columns):
    rng = np.random.default_rng(0)
    known = {
        "lon": rng.uniform(-180, 180, n),
        "lat": rng.uniform(-90, 90, n),
        "emb_0": rng.normal(size=n),
        "emb_1": rng.normal(size=n),
    }
    return pd.DataFrame({name: column for name, column in {**known, **columns}.items() if column is not None})


def csv(**columns):
    return lambda path: table(**columns).to_csv(path, index=False)


def raster(lat="lat", variable="v", values=None):
    values = np.arange(-89.5, 90) if values is None else values
    lon = np.arange(-179.5, 180)
    field = xr.Dataset(
        {variable: ((lat, "lon"), np.zeros((len(values), len(lon)), np.float32))},
        coords={lat: values, "lon": lon},
    )
    return lambda path: field.to_netcdf(path, engine="scipy")


def text(content):
    return lambda path: path.write_text(content)


# Told before inside a job only, but for files that are not there.
TABLES = {
    "none": (None, "weights.mine.file: t.csv does not exist"),
    "empty": (text(""), "weights.mine.file: t.csv is empty"),
    "header alone": (text("lon,lat,emb_0\n"), "weights.mine.file: t.csv: has no rows"),
    "ragged": (text("lon,lat,emb_0\n1,2,3\n1,2\n"), "weights.mine.file: t.csv: cannot be read as CSV"),
    "a folder": (Path.mkdir, "weights.mine.file: t.csv: is a folder"),
    "too few rows": (csv(n=300), "weights.mine.file: t.csv: has 300 rows, fewer than n = 400"),
    "no longitude": (csv(lon=None), "t.csv: has no column 'lon'; there are lat, emb_0, emb_1"),
    "no features": (csv(emb_0=None, emb_1=None), "no column except coordinates matches 'emb_*'"),
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
        "t.csv: 'scale' seems to hold the scales of quantised features",
    ),
}


@pytest.mark.parametrize("case", TABLES, ids=str)
def test_a_table(resolve, tmp_path, case):
    make, message = TABLES[case]
    if make is not None:
        make(tmp_path / "t.csv")
    refused_with(resolve, message, "weights/mine.yaml", TABLE)


def damaged(path):
    """The table's archive, with the mark spoiled at which its features begin."""
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
    "braces": ("t{x}.csv", csv(), "'t{x}.csv': braces and ends of lines mean something else"),
    "bytes": (
        "t.bin",
        text("\0\1\2"),
        "t.bin: has an unsupported format",
    ),
    "objects": (
        "t.npz",
        lambda path: np.savez(path, lon=np.zeros(400), lat=np.zeros(400), emb_0=np.array([{}] * 400)),
        "'emb_0' holds objects",
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


# Words of the leaf that say what is in a table.
OF_VALUES = {
    "undecided": (
        "features: null",
        "t.csv: its features are ambiguous: candidates are emb_0 to emb_1, station",
    ),
    "no number": ("no_data: nothing", "weights.mine.no_data: 'nothing' is neither a number nor nan"),
    "no list of numbers": ("no_data: [1, [2]]", "weights.mine.no_data: "),
    "rows left out": ("no_data: -9999", "t.csv: has 380 rows with data, fewer than n = 400"),
    "no known word": ("dequantise: tesera", "weights.mine.dequantise: 'tesera' is not one of"),
    "no scales": ("dequantise: tessera", "t.csv: dequantise: tessera needs scales"),
    "other scales": ("dequantise: tessera\nscales: s", "t.csv: has no column 's'"),
    "scales alone": ("scales: station", "t.csv: scales: 'station' is used only with dequantise: tessera"),
}


@pytest.mark.parametrize("case", OF_VALUES, ids=str)
def test_a_table_and_what_its_leaf_says_of_values(resolve, tmp_path, case):
    words, message = OF_VALUES[case]
    emb_0 = np.where(np.arange(400) % 20 == 0, -9999.0, np.linspace(0, 1, 400))
    csv(emb_0=emb_0, station=np.arange(400))(tmp_path / "t.csv")
    leaf = TABLE.replace("features: emb_*", words) if words.startswith("features") else f"{TABLE}{words}\n"
    refused_with(resolve, message, "weights/mine.yaml", leaf)


WEIGHTS = {
    "table, unknown key": (
        TABLE + "colour: red\n",
        "weights.mine.colour: earthdim.encoders.custom.table.embeddings takes no such",
    ),
    "table, few points": (TABLE.replace("400", "10"), "weights.mine.n: 10 points are too few"),
    "table, file of a list": (
        TABLE.replace("t.csv", "[a]"),
        "weights.mine.file: ['a'] is not of type 'string'",
    ),
    "table, model of lines": (
        TABLE.replace("stations", '"a\\nb"'),
        "weights.mine.model: 'a\\nb' is not a word",
    ),
    "no module": (
        FUNCTION.replace("my_", "mein_"),
        "weights.mine.callable: there is no module 'mein_encoder'",
    ),
    "no colon": (
        FUNCTION.replace(":embed", ".embed"),
        "'my_encoder.embed' must have the form module:callable",
    ),
    "no such name": (
        FUNCTION.replace(":embed", ":imbed"),
        "weights.mine.callable: my_encoder.py has no 'imbed'",
    ),
    "an expression": (
        FUNCTION.replace("my_encoder:embed", "os:system('x')"),
        "must have the form module:callable",
    ),
    "order": (FUNCTION + "takes: latlong\n", "weights.mine.takes: 'latlong' is not one of lonlat"),
    "batch": (FUNCTION + "batch: true\n", "weights.mine.batch: True is not a whole number"),
    "files": (FUNCTION + "files: [weights.pt]\n", "weights.mine.files: weights.pt does not exist"),
    "private function": (
        FUNCTION.replace("location_encoder", "_imported"),
        "is not a function of earthdim.encoders.released or",
    ),
    "other function": (
        FUNCTION.replace("encoders.custom.function.location_encoder", "build.target"),
        "weights.mine._target_: 'earthdim.build.target' is not a function of "
        "earthdim.encoders.released or earthdim.encoders.custom",
    ),
    "no program": (EXPORTED, "weights.mine.file: m.pt is no TorchScript file"),
    "no graph": (EXPORTED.replace("torchscript", "onnx").replace("m.pt", "m.onnx"), "m.onnx does not exist"),
    "sum of a program": (
        EXPORTED + "sha256: abc\n",
        "weights.mine.sha256: must be 64 lower-case hexadecimal digits",
    ),
    "other sum": (CHECKPOINT, "weights.mine.source.file: sha256: s.ckpt has the sha256 "),
    "null sum": (CHECKPOINT.replace("a" * 64, "null"), "weights.sha256: is null, so s.ckpt is not read"),
    "no checkpoint": (
        CHECKPOINT.replace("s.ckpt", "absent.ckpt"),
        "absent.ckpt does not exist; copy it there",
    ),
    "short sum": (CHECKPOINT.replace("a" * 64, "a" * 63), "weights.mine.sha256: "),
    "suffix": (
        CHECKPOINT.replace("s.ckpt", "my_encoder.py"),
        "my_encoder.py: is not a file of safetensors or torch",
    ),
    "plain http": (
        CHECKPOINT.replace("file: s.ckpt", "url: http://x/y.ckpt"),
        "weights.mine.source.url: 'http://",
    ),
    "address of a file": (
        CHECKPOINT.replace("file: s.ckpt", "url: file:///etc/passwd"),
        "weights.mine.source.url: ",
    ),
    "address without a name": (
        CHECKPOINT.replace("file: s.ckpt", "url: https://host/"),
        "source.member: '' must be",
    ),
    "path in a hub": (
        CHECKPOINT.replace("file: s.ckpt", "hub: a/b, file: ../../../x.ckpt, revision: main"),
        "weights.mine: source.file: '../../../x.ckpt' must be a relative path below weights/",
    ),
    "path out of a package": (
        CHECKPOINT.replace("file: s.ckpt", "package: numpy, file: ../../x.ckpt"),
        "weights.mine: source.file: '../../x.ckpt' leads out of the package",
    ),
    "argument": (
        CHECKPOINT.replace("polys: 10", "polys: ten"),
        "weights.mine.legendre_polys: 'ten' is not a whole",
    ),
}


@pytest.mark.parametrize("case", WEIGHTS, ids=str)
def test_weights(resolve, tmp_path, case):
    leaf, message = WEIGHTS[case]
    table().to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "my_encoder.py").write_text("def embed(lonlat):\n    return lonlat\n")
    (tmp_path / "m.pt").write_text("nothing")
    # Begins as what torch saves.
    (tmp_path / "s.ckpt").write_bytes(b"PK\x03\x04nothing")
    refused_with(resolve, message, "weights/mine.yaml", leaf)


def test_a_table_has_no_points_but_its_own(resolve, tmp_path):
    table().to_csv(tmp_path / "t.csv", index=False)
    elsewhere = OWN + "jacobian: {branches: [mine], n: 50}\n"
    message = "experiment.own.jacobian.branches: mine is a table, with no points but its own"
    refused_with(resolve, message, "weights/mine.yaml", TABLE, elsewhere)


RASTERS = {
    "none": (None, "dataset.mine.path: r.nc does not exist"),
    "empty": (text(""), "dataset.mine: r.nc is empty"),
    "text": (text("hello"), "dataset.mine: r.nc is not a Zarr store or NetCDF file"),
    "variable": (raster(variable="w"), "dataset.mine: r.nc has no variable 'v'; it has w"),
    "dimensions": (raster(lat="a"), "r.nc: v has no dimension with coordinates named lat or latitude or y"),
    "metres": (
        raster(values=np.arange(0.0, 1000, 10)),
        "dataset.mine: r.nc: lat is not in degrees from -90 to 90",
    ),
    "spacing": (
        raster(values=np.r_[-89.5:0, 10:80]),
        "dataset.mine: r.nc: raster 'v': the coordinate 'lat' must be ascending and evenly spaced",
    ),
    "format": (
        text("GRIB" + " " * 99),
        "dataset.mine: r.nc is GRIB; a Zarr store or NetCDF is read: convert it",
    ),
    "damaged": (
        lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(2000)),
        "dataset.mine: r.nc cannot be read as NetCDF 4 (HDF5)",
    ),
}


@pytest.mark.parametrize("case", RASTERS, ids=str)
def test_a_raster(resolve, tmp_path, case):
    make, message = RASTERS[case]
    if make is not None:
        make(tmp_path / "r.nc")
    experiment = RELEASED.replace("datasets: []", "datasets: [mine]")
    refused_with(resolve, message, "dataset/mine.yaml", RASTER, experiment)


SAMPLES = {
    "few points": ("files.points", "p.csv", csv(n=10), "sample.path: p.csv: has 10 rows, fewer than n = 400"),
    "latitudes": (
        "files.points",
        "p.csv",
        csv(lat=np.full(400, 99.0)),
        "sample.path: p.csv: 'lat' holds latitudes",
    ),
    "no file": ("files.points", "p.csv", None, "sample.path: p.csv does not exist"),
    "no polygon": ("polygons.polygon", "p.geojson", text("hello"), "p.geojson cannot be read as polygons"),
    "empty": ("polygons.polygon", "p.geojson", text(""), "sample.path: p.geojson is empty"),
    "metres": (
        "polygons.polygon",
        "p.wkt",
        text("POLYGON ((0 0, 1000 0, 1000 1000, 0 0))"),
        "sample.path: p.wkt: geometry 0 is not in degrees",
    ),
    "date line": (
        "polygons.polygon",
        "p.wkt",
        text("POLYGON ((170 0, -170 0, -170 9, 170 9, 170 0))"),
        "sample.path: p.wkt: geometry 0 has an edge that spans 340 degrees of longitude",
    ),
    "format": (
        "polygons.polygon",
        "p.shp",
        lambda path: path.write_bytes(b"\x00\x00\x27\x0a" + bytes(96)),
        "sample.path: p.shp is a shapefile; GeoJSON, well-known text or binary (WKT, WKB) and GeoParquet are read",
    ),
}


@pytest.mark.parametrize("case", SAMPLES, ids=str)
def test_a_sample_of_a_file(resolve, tmp_path, case):
    kind, name, make, message = SAMPLES[case]
    if make is not None:
        make(tmp_path / name)
    leaf = SAMPLE.format(kind, name) + ("over: land\n" if kind.startswith("polygons") else "")
    experiment = RELEASED.replace("sample: land-500", "sample: mine")
    refused_with(resolve, message, "sample/mine.yaml", leaf, experiment)


ROLES = {
    "task_sample": (
        TREE.replace("task_sample: task-land-600", "task_sample: mine"),
        "task_sample.path: p.csv: has",
    ),
    "supports": (
        TREE.replace("supports: [region-africa-400]", "supports: [mine]"),
        "scale.supports.path: p.csv: has 300 rows",
    ),
}


@pytest.mark.parametrize("case", ROLES, ids=str)
def test_a_sample_of_a_file_in_another_role(resolve, tmp_path, case):
    experiment, message = ROLES[case]
    csv(n=300)(tmp_path / "p.csv")
    leaf = SAMPLE.format("files.points", "p.csv")
    refused_with(resolve, message, "sample/mine.yaml", leaf, experiment)


def test_the_sources_of_a_leaf_in_a_folder(resolve, tmp_path):
    table().to_csv(tmp_path / "t.csv", index=False)
    experiment = OWN.replace("[mine]", "[sub/mine]") + PROBING
    leaf = "# @package weights" + TABLE.replace("n: 400", "n: 400\nsources: [nonsense]")
    message = "weights.sub/mine.sources: no modality has a source 'nonsense'"
    edits = [whole("experiment/own.yaml", experiment), whole("weights/sub/mine.yaml", leaf)]
    refused(resolve, message, edits, "own")


def test_what_is_right_is_taken(resolve, tmp_path):
    """Every kind of file of a user's own at once, none of them wrong."""
    table().to_csv(tmp_path / "t.csv", index=False)
    table().to_csv(tmp_path / "p.csv", index=False)
    raster()(tmp_path / "r.nc")
    (tmp_path / "my_encoder.py").write_text("from math import *\n")
    experiment = OWN.replace("[mine]", "[mine, function]").replace("sample: land-500", "sample: mine")
    edits = [
        whole("experiment/own.yaml", experiment.replace("datasets: []", "datasets: [mine]")),
        whole("weights/mine.yaml", TABLE),
        whole("weights/function.yaml", FUNCTION),
        whole("dataset/mine.yaml", RASTER),
        whole("sample/mine.yaml", SAMPLE.format("files.points", "p.csv")),
    ]
    found = resolve(edits, "own")
    assert set(found.variants) == {"mine", "function"}
    assert set(found.points) == {"mine-400-r0", "own-mine-400-r0"}
