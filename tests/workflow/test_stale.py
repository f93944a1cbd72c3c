"""User-supplied files: jobs rerun when the content changes, regardless of modification times."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from project import Project, rules_of, variants_of

from earthdim.storage import stores
from earthdim.storage.files import read_table

pytestmark = pytest.mark.workflow

CONFIG = ("--config", "experiment=supplied")
# Earlier than every file of the project.
LONG_AGO = 1_577_836_800
ENCODER = """
import numpy as np

from waves import SPEED

WEIGHTS = np.load("weights.npy")


def embed(lonlat):
    lon, lat = np.radians(lonlat).T
    xyz = np.stack([np.cos(lon) * np.cos(lat), np.sin(lon) * np.cos(lat), np.sin(lat)], axis=1)
    return np.sin(SPEED * xyz @ WEIGHTS)
"""
FUNCTION = """
kind: own
model: mine
build:
  _target_: earthdim.encoders.custom.function.location_encoder
  callable: my_encoder:embed
  files: [weights.npy]
"""
TABLE = """
kind: table
model: NAME
n: 400
build:
  _target_: earthdim.encoders.custom.table.embeddings
  file: FILE
"""
SAMPLE = """
kind: polygon
n: 300
replicates: 1
seed: 77
build:
  _target_: earthdim.data.samples.polygons.polygon
  path: region.geojson
  over: globe
"""
RASTER = """
about: {title: Rain, package: xarray, source: made here, licence: none, citation: none}
build:
  _target_: earthdim.data.datasets.files.raster_file
  path: rain.zarr
  variable: rain
"""
EXPERIMENT = """
title: User-supplied encoders and embeddings
branches: {mine: {weights: [my-encoder]}, table: {weights: [stations]}, store: {weights: [store]}}
sample: mine
estimators: [mle]
local_estimator: mle
datasets: [rain]
figures: []
"""


def embeddings(dimension, seed=0, n=400):
    """Locations, and embeddings on a manifold of known dimension."""
    rng = np.random.default_rng(seed)
    lonlat = np.stack([rng.uniform(-170, 170, n), rng.uniform(-60, 60, n)], axis=1)
    return lonlat, np.sin(rng.uniform(-1, 1, (n, dimension)) @ rng.standard_normal((dimension, 16)))


def write_table(path, dimension):
    lonlat, values = embeddings(dimension)
    columns = {f"emb_{i}": values[:, i] for i in range(16)}
    pd.DataFrame({"lon": lonlat[:, 0], "lat": lonlat[:, 1], **columns}).to_parquet(path)


def write_store(path, dimension):
    lonlat, values = embeddings(dimension)
    columns = {f"emb_{i}": ("point", values[:, i]) for i in range(16)}
    places = {"lon": ("point", lonlat[:, 0]), "lat": ("point", lonlat[:, 1])}
    xr.Dataset({**places, **columns}).to_zarr(path, mode="w", encoding={}, consolidated=False)


def write_raster(path, rain):
    lat, lon = np.arange(-89.5, 90), np.arange(-179.5, 180)
    values = np.full((180, 360), rain, dtype=np.float32)
    xr.Dataset({"rain": (("lat", "lon"), values, {"units": "mm"})}, coords={"lat": lat, "lon": lon}).to_zarr(
        path, mode="w", consolidated=False
    )


def write_square(path, west):
    ring = [[west, 0], [west + 10, 0], [west + 10, 10], [west, 10], [west, 0]]
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))


def age(path, when=LONG_AGO):
    """Set an old modification time for a file or a folder's files, as kept by mv, cp -p, rsync -a and unzip."""
    for file in [path, *path.rglob("*")] if path.is_dir() else [path]:
        os.utime(file, (when, when))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    project = Project.create(tmp_path_factory.mktemp("stale") / "project")
    here = project.folder
    project.write("my_encoder.py", ENCODER)
    project.write("waves.py", "SPEED = 3\n")
    np.save(here / "weights.npy", np.random.default_rng(0).standard_normal((3, 24)))
    write_table(here / "stations.parquet", 2)
    write_store(here / "embeddings.zarr", 2)
    # A file of the user, next to a store with a name that the workflow also uses.
    project.write("embeddings.json", "{}")
    write_raster(here / "rain.zarr", 1)
    write_square(here / "region.geojson", 0)
    project.write("config/weights/my-encoder.yaml", FUNCTION)
    for name, file in (("stations", "stations.parquet"), ("store", "embeddings.zarr")):
        project.write(
            f"config/weights/{name}.yaml",
            TABLE.replace("NAME", name).replace("FILE", file) + "  features: emb_*\n",
        )
    project.write("config/sample/mine.yaml", SAMPLE)
    project.write("config/dataset/rain.yaml", RASTER)
    project.write("config/experiment/supplied.yaml", EXPERIMENT)
    project.run(*CONFIG)
    return project


@pytest.fixture
def supplied(done, tmp_path):
    return done.copy(tmp_path / "project")


def measured(project, variant):
    rows = read_table(project.folder / "results/supplied/tables/dimension.csv")
    return rows.query("variant == @variant and estimator == 'mle'")["value"].item()


def test_new_modification_times_rerun_nothing(supplied):
    assert not supplied.planned(*CONFIG)
    names = ("my_encoder.py", "waves.py", "weights.npy", "stations.parquet", "embeddings.zarr", "rain.zarr")
    for name in (*names, "region.geojson", "config/weights/stations.yaml"):
        age(supplied.folder / name, when=4_000_000_000)
    assert "Nothing to be done" in supplied.run(*CONFIG).stdout
    for name in (*names, "region.geojson"):
        age(supplied.folder / name)
    assert "Nothing to be done" in supplied.run(*CONFIG).stdout
    assert "sound: " in supplied.run("verify", *CONFIG).stdout


def test_an_older_table_is_measured_again_and_so_is_the_first_one(supplied):
    here = supplied.folder
    assert measured(supplied, "stations") == pytest.approx(2, abs=0.4)
    shutil.copy2(here / "stations.parquet", here / "first.parquet")
    write_table(here / "other.parquet", 6)
    age(here / "other.parquet")
    (here / "other.parquet").rename(here / "stations.parquet")
    verified = supplied.run("verify", *CONFIG, check=False)
    assert verified.returncode
    assert "stations.parquet" in verified.stdout
    supplied.run(*CONFIG)
    assert measured(supplied, "stations") == pytest.approx(5, abs=1)
    assert "Nothing to be done" in supplied.run(*CONFIG).stdout
    (here / "first.parquet").rename(here / "stations.parquet")
    jobs = supplied.planned(*CONFIG)
    assert variants_of(jobs, "embed_alone") == {"stations"}
    assert {wildcards for rule, wildcards in jobs if rule == "points"} == {"points=own-stations-400-r0"}


@pytest.mark.thorough
def test_an_older_polygon_is_sampled_again(supplied):
    write_square(supplied.folder / "region.geojson", 60)
    age(supplied.folder / "region.geojson")
    supplied.run(*CONFIG)
    points = stores.open_store(supplied.folder / "results/data/points/polygon-300-r0.zarr", "points")
    lon, lat = stores.lonlat(points).T
    assert 60 <= lon.min() < lon.max() <= 70
    assert 0 <= lat.min() < lat.max() <= 10


def change_speed(here):
    (here / "waves.py").write_text("SPEED = 4\n")
    age(here / "waves.py")


def change_weights(here):
    np.save(here / "weights.npy", np.random.default_rng(1).standard_normal((3, 24)))
    age(here / "weights.npy")


def change_bytes_of_the_same_size_and_date(here):
    state = (here / "weights.npy").stat()
    values = bytearray((here / "weights.npy").read_bytes())
    values[-1] ^= 1
    (here / "weights.npy").write_bytes(values)
    os.utime(here / "weights.npy", ns=(state.st_atime_ns, state.st_mtime_ns))


def change_module_behind_a_link(here):
    (here / "elsewhere").mkdir()
    (here / "elsewhere/waves.py").write_text("SPEED = 5\n")
    age(here / "elsewhere/waves.py")
    (here / "waves.py").unlink()
    (here / "waves.py").symlink_to("elsewhere/waves.py")


def change_chunk(here):
    write_store(here / "other.zarr", 3)
    shutil.copy2(here / "other.zarr/emb_3/c/0", here / "embeddings.zarr/emb_3/c/0")
    age(here / "embeddings.zarr")


def change_chunk_behind_a_linked_folder(here):
    write_store(here / "other.zarr", 3)
    age(here / "other.zarr")
    shutil.rmtree(here / "embeddings.zarr/emb_3/c")
    (here / "embeddings.zarr/emb_3/c").symlink_to(here / "other.zarr/emb_3/c")


CHANGES = {
    "imported module": (change_speed, "my-encoder"),
    "file of a callable": (change_weights, "my-encoder"),
    "same size and date": (change_bytes_of_the_same_size_and_date, "my-encoder"),
    "link": (change_module_behind_a_link, "my-encoder"),
    "chunk": (change_chunk, "store"),
    "linked folder": (change_chunk_behind_a_linked_folder, "store"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_only_embeds_its_variant_again(supplied, change):
    make, variant = CHANGES[change]
    make(supplied.folder)
    jobs = supplied.planned(*CONFIG)
    # A table of embeddings has points of its own.
    embed = "embed" if variant == "my-encoder" else "embed_alone"
    assert variants_of(jobs, embed) == variants_of(jobs, "pretrain") == {variant}
    assert "dataset" not in rules_of(jobs)


def test_an_older_raster_only_reruns_its_data_set(supplied):
    write_raster(supplied.folder / "rain.zarr", 2)
    age(supplied.folder / "rain.zarr")
    jobs = supplied.planned(*CONFIG)
    assert {wildcards for rule, wildcards in jobs if rule == "dataset"} == {"dataset=rain"}
    assert not rules_of(jobs) & {"points", "embed", "pretrain"}


@pytest.mark.parametrize("name", ["stations.parquet", "weights.npy", "region.geojson"])
def test_a_missing_file_is_named(supplied, name):
    (supplied.folder / name).unlink()
    planned = supplied.run("--dry-run", *CONFIG, check=False)
    assert planned.returncode
    assert name in planned.stdout


def test_damaged_checksums_are_computed_again(supplied):
    for text in ("", "[]", '{"stations.parquet": [{}, "00"]}', '{"stations.parquet": 5}'):
        supplied.write(".snakemake/own/sums.json", text)
        assert "Nothing to be done" in supplied.run(*CONFIG).stdout
