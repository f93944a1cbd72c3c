"""Invalid user-supplied files fail before any job starts; one line names the key or the file."""

import numpy as np
import pytest
import xarray as xr
from wrong_input import OWN, RASTER, RELEASED, TABLE, TREE, csv, refused, refused_with, table, text, whole

FUNCTION = """
kind: own
model: mine
build:
  _target_: earthdim.encoders.custom.function.location_encoder
  callable: my_encoder:embed
"""
EXPORTED = """
kind: own
model: mine
build:
  _target_: earthdim.encoders.custom.exported.torchscript
  file: m.pt
"""
CHECKPOINT = f"""
kind: released
model: satclip
about: {{title: t, citation: c, address: none, licence: l}}
build:
  _target_: earthdim.encoders.released.satclip.location_encoder
  legendre_polys: 10
  source: {{file: s.ckpt}}
  sha256: {"a" * 64}
"""
PROBING = """
tasks: [elevation]
splits: [random]
task_sample: task-land-600
heads: {trained: [], untrained: [], released: [ridge]}
activation_estimator: mle
statistics: default
"""
SAMPLE = (
    "kind: mine\nn: 400\nreplicates: 1\nseed: 9\nbuild:\n  _target_: earthdim.data.samples.{}\n  path: {}\n"
)


def raster(lat="lat", variable="v", values=None):
    values = np.arange(-89.5, 90) if values is None else values
    lon = np.arange(-179.5, 180)
    field = xr.Dataset(
        {variable: ((lat, "lon"), np.zeros((len(values), len(lon)), np.float32))},
        coords={lat: values, "lon": lon},
    )
    return lambda path: field.to_netcdf(path, engine="scipy")


WEIGHTS = {
    "table, unknown key": (
        TABLE + "  colour: red\n",
        "weights.mine.build.colour: earthdim.encoders.custom.table.embeddings takes no such",
    ),
    "table, few points": (TABLE.replace("400", "10"), "weights.mine.n: 10 points are too few"),
    "table, file of a list": (
        TABLE.replace("t.csv", "[a]"),
        "weights.mine.build.file: ['a'] is not of type 'string'",
    ),
    "table, model of lines": (
        TABLE.replace("stations", '"a\\nb"'),
        "weights.mine.model: 'a\\nb' is not a word",
    ),
    "no module": (
        FUNCTION.replace("my_", "mein_"),
        "weights.mine.build.callable: there is no module 'mein_encoder'",
    ),
    "no colon": (FUNCTION.replace(":embed", ".embed"), "weights.mine.build.callable: 'my_encoder.embed'"),
    "no such name": (
        FUNCTION.replace(":embed", ":imbed"),
        "weights.mine.build.callable: my_encoder.py has no 'imbed'",
    ),
    "an expression": (
        FUNCTION.replace("my_encoder:embed", "os:system('x')"),
        "weights.mine.build.callable: ",
    ),
    "order": (FUNCTION + "  takes: latlong\n", "weights.mine.build.takes: 'latlong'"),
    "batch": (FUNCTION + "  batch: true\n", "weights.mine.build.batch: True is not a whole number"),
    "files": (FUNCTION + "  files: [weights.pt]\n", "weights.mine.build.files: weights.pt does not exist"),
    "private function": (
        FUNCTION.replace("location_encoder", "_imported"),
        "is not a function of earthdim.encoders.released or",
    ),
    "other function": (
        FUNCTION.replace("encoders.custom.function.location_encoder", "build.target"),
        "weights.mine.build._target_: 'earthdim.build.target' is not a function of "
        "earthdim.encoders.released or earthdim.encoders.custom",
    ),
    "no program": (EXPORTED, "weights.mine.build.file: m.pt is not a TorchScript file"),
    "no graph": (EXPORTED.replace("torchscript", "onnx").replace("m.pt", "m.onnx"), "m.onnx does not exist"),
    "sum of a program": (
        EXPORTED + "  sha256: abc\n",
        "weights.mine.build.sha256: must be 64 lower-case hexadecimal digits",
    ),
    "other sum": (CHECKPOINT, "weights.mine.build.source.file: sha256: s.ckpt has the sha256 "),
    "null sum": (CHECKPOINT.replace("a" * 64, "null"), "weights.mine.build.sha256: is null"),
    "no checkpoint": (
        CHECKPOINT.replace("s.ckpt", "absent.ckpt"),
        "weights.mine: absent.ckpt does not exist",
    ),
    "short sum": (CHECKPOINT.replace("a" * 64, "a" * 63), "weights.mine.build.sha256: "),
    "suffix": (
        CHECKPOINT.replace("s.ckpt", "my_encoder.py"),
        "weights.mine.build.source.file: my_encoder.py",
    ),
    "plain http": (
        CHECKPOINT.replace("file: s.ckpt", "url: http://x/y.ckpt"),
        "weights.mine.build.source.url: 'http://",
    ),
    "address of a file": (
        CHECKPOINT.replace("file: s.ckpt", "url: file:///etc/passwd"),
        "weights.mine.build.source.url: ",
    ),
    "address without a name": (
        CHECKPOINT.replace("file: s.ckpt", "url: https://host/"),
        "weights.mine.build.source.member: ''",
    ),
    "path in a hub": (
        CHECKPOINT.replace("file: s.ckpt", "hub: a/b, file: ../../../x.ckpt, revision: main"),
        "weights.mine.build.source.file: '../../../x.ckpt'",
    ),
    "path out of a package": (
        CHECKPOINT.replace("file: s.ckpt", "package: numpy, file: ../../x.ckpt"),
        "weights.mine.build.source.file: '../../x.ckpt' leads out of the package",
    ),
    "argument": (
        CHECKPOINT.replace("polys: 10", "polys: ten"),
        "weights.mine.build.legendre_polys: 'ten' is not a whole",
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


def test_a_table_cannot_be_evaluated_at_other_points(resolve, tmp_path):
    table().to_csv(tmp_path / "t.csv", index=False)
    elsewhere = OWN + "jacobian: {branches: [mine], n: 50}\n"
    message = "experiment.own.jacobian.branches: mine is a table"
    refused_with(resolve, message, "weights/mine.yaml", TABLE, elsewhere)


RASTERS = {
    "none": (None, "dataset.mine.build.path: r.nc does not exist"),
    "empty": (text(""), "dataset.mine.build.path: r.nc is empty"),
    "text": (text("hello"), "dataset.mine.build.path: r.nc is not a Zarr store or NetCDF"),
    "variable": (raster(variable="w"), "dataset.mine.build.path: r.nc has no variable 'v'; it has w"),
    "dimensions": (raster(lat="a"), "r.nc: v has no dimension with coordinates named lat or latitude or y"),
    "metres": (
        raster(values=np.arange(0.0, 1000, 10)),
        "dataset.mine.build.path: r.nc: lat is not in degrees from -90 to 90",
    ),
    "spacing": (
        raster(values=np.r_[-89.5:0, 10:80]),
        "dataset.mine.build.path: r.nc: raster 'v': the coordinate 'lat'",
    ),
    "format": (
        text("GRIB" + " " * 99),
        "dataset.mine.build.path: r.nc is GRIB; ",
    ),
    "damaged": (
        lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(2000)),
        "dataset.mine.build.path: r.nc cannot be read as NetCDF 4 (HDF5)",
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
    "few points": (
        "files.points",
        "p.csv",
        csv(n=10),
        "sample.build.path: p.csv: has 10 rows, fewer than n = 400",
    ),
    "latitudes": (
        "files.points",
        "p.csv",
        csv(lat=np.full(400, 99.0)),
        "sample.build.path: p.csv: 'lat' holds latitudes",
    ),
    "no file": ("files.points", "p.csv", None, "sample.build.path: p.csv does not exist"),
    "no polygon": ("polygons.polygon", "p.geojson", text("hello"), "p.geojson cannot be read as polygons"),
    "empty": ("polygons.polygon", "p.geojson", text(""), "sample.build.path: p.geojson is empty"),
    "metres": (
        "polygons.polygon",
        "p.wkt",
        text("POLYGON ((0 0, 1000 0, 1000 1000, 0 0))"),
        "sample.build.path: p.wkt: geometry 0 is not in degrees",
    ),
    "date line": (
        "polygons.polygon",
        "p.wkt",
        text("POLYGON ((170 0, -170 0, -170 9, 170 9, 170 0))"),
        "sample.build.path: p.wkt: geometry 0 has an edge that spans 340 degrees of longitude; cut",
    ),
    "format": (
        "polygons.polygon",
        "p.shp",
        lambda path: path.write_bytes(b"\x00\x00\x27\x0a" + bytes(96)),
        "sample.build.path: p.shp is a shapefile; GeoJSON, well-known text",
    ),
}


@pytest.mark.parametrize("case", SAMPLES, ids=str)
def test_a_sample_of_a_file(resolve, tmp_path, case):
    kind, name, make, message = SAMPLES[case]
    if make is not None:
        make(tmp_path / name)
    leaf = SAMPLE.format(kind, name) + ("  over: land\n" if kind.startswith("polygons") else "")
    experiment = RELEASED.replace("sample: land-500", "sample: mine")
    refused_with(resolve, message, "sample/mine.yaml", leaf, experiment)


ROLES = {
    "task_sample": (
        TREE.replace("task_sample: task-land-600", "task_sample: mine"),
        "task_sample.build.path: p.csv: has",
    ),
    "supports": (
        TREE.replace("supports: [region-africa-400]", "supports: [mine]"),
        "scale.supports.build.path: p.csv: has 300 rows",
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


def test_valid_files_are_accepted(resolve, tmp_path):
    """Every kind of user-supplied file at once, all valid."""
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
