"""A user's own files: their content decides what is done anew, whatever their dates."""

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

ASKED = ("--config", "experiment=brought")
# Before anything here was made.
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
_target_: earthdim.encoders.custom.function.location_encoder
callable: my_encoder:embed
files: [weights.npy]
"""
TABLE = """
kind: table
model: NAME
n: 400
_target_: earthdim.encoders.custom.table.embeddings
file: FILE
"""
SAMPLE = """
_target_: earthdim.data.samples.polygons.polygon
kind: polygon
n: 300
replicates: 1
seed: 77
path: region.geojson
over: globe
"""
RASTER = """
_target_: earthdim.data.datasets.files.raster_file
path: rain.zarr
variable: rain
about: {title: Rain, package: xarray, source: made here, licence: none, citation: none}
"""
EXPERIMENT = """
title: What a user brings
branches: {mine: {weights: [my-encoder]}, table: {weights: [stations]}, store: {weights: [store]}}
sample: mine
estimators: [mle]
local_estimator: mle
datasets: [rain]
figures: []
"""


def embeddings(dimension, seed=0, n=400):
    """Places, and points on a manifold of a known dimension."""
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
    """Give a file, or all of a folder, an old date, as mv, cp -p, rsync -a and unzip do."""
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
    # The user's own remarks, beside a store that has the name of ours.
    project.write("embeddings.json", "{}")
    write_raster(here / "rain.zarr", 1)
    write_square(here / "region.geojson", 0)
    project.write("config/weights/my-encoder.yaml", FUNCTION)
    for name, file in (("stations", "stations.parquet"), ("store", "embeddings.zarr")):
        project.write(
            f"config/weights/{name}.yaml",
            TABLE.replace("NAME", name).replace("FILE", file) + "features: emb_*\n",
        )
    project.write("config/sample/mine.yaml", SAMPLE)
    project.write("config/dataset/rain.yaml", RASTER)
    project.write("config/experiment/brought.yaml", EXPERIMENT)
    project.run(*ASKED)
    return project


@pytest.fixture
def brought(done, tmp_path):
    return done.copy(tmp_path / "project")


def measured(project, variant):
    rows = read_table(project.folder / "results/brought/tables/dimension.csv")
    return rows.query("variant == @variant and estimator == 'mle'")["value"].item()


def test_other_dates_of_all_files_rerun_nothing(brought):
    assert not brought.planned(*ASKED)
    own = ("my_encoder.py", "waves.py", "weights.npy", "stations.parquet", "embeddings.zarr", "rain.zarr")
    for name in (*own, "region.geojson", "config/weights/stations.yaml"):
        age(brought.folder / name, when=4_000_000_000)
    assert "Nothing to be done" in brought.run(*ASKED).stdout
    for name in (*own, "region.geojson"):
        age(brought.folder / name)
    assert "Nothing to be done" in brought.run(*ASKED).stdout
    assert "sound: " in brought.run("verify", *ASKED).stdout


def test_an_older_table_is_measured_anew_and_the_first_one_again(brought):
    here = brought.folder
    assert measured(brought, "stations") == pytest.approx(2, abs=0.4)
    shutil.copy2(here / "stations.parquet", here / "first.parquet")
    write_table(here / "other.parquet", 6)
    age(here / "other.parquet")
    (here / "other.parquet").rename(here / "stations.parquet")
    told = brought.run("verify", *ASKED, check=False)
    assert "was made from another version of your stations.parquet" in told.stdout
    brought.run(*ASKED)
    assert measured(brought, "stations") == pytest.approx(5, abs=1)
    assert "Nothing to be done" in brought.run(*ASKED).stdout
    (here / "first.parquet").rename(here / "stations.parquet")
    jobs = brought.planned(*ASKED)
    assert variants_of(jobs, "embed") == {"stations"}
    assert {wildcards for rule, wildcards in jobs if rule == "points"} == {"points=own-stations-400-r0"}


def test_an_older_polygon_is_drawn_from_anew(brought):
    write_square(brought.folder / "region.geojson", 60)
    age(brought.folder / "region.geojson")
    brought.run(*ASKED)
    points = stores.open_store(brought.folder / "results/data/points/polygon-300-r0.zarr", "points")
    lon, lat = stores.lonlat(points).T
    assert 60 <= lon.min() < lon.max() <= 70
    assert 0 <= lat.min() < lat.max() <= 10


def other_speed(here):
    (here / "waves.py").write_text("SPEED = 4\n")
    age(here / "waves.py")


def other_weights(here):
    np.save(here / "weights.npy", np.random.default_rng(1).standard_normal((3, 24)))
    age(here / "weights.npy")


def other_bytes_of_the_same_size_and_date(here):
    state = (here / "weights.npy").stat()
    values = bytearray((here / "weights.npy").read_bytes())
    values[-1] ^= 1
    (here / "weights.npy").write_bytes(values)
    os.utime(here / "weights.npy", ns=(state.st_atime_ns, state.st_mtime_ns))


def other_module_behind_a_link(here):
    (here / "elsewhere").mkdir()
    (here / "elsewhere/waves.py").write_text("SPEED = 5\n")
    age(here / "elsewhere/waves.py")
    (here / "waves.py").unlink()
    (here / "waves.py").symlink_to("elsewhere/waves.py")


def other_chunk(here):
    write_store(here / "other.zarr", 3)
    shutil.copy2(here / "other.zarr/emb_3/c/0", here / "embeddings.zarr/emb_3/c/0")
    age(here / "embeddings.zarr")


def other_chunk_behind_a_linked_folder(here):
    write_store(here / "other.zarr", 3)
    age(here / "other.zarr")
    shutil.rmtree(here / "embeddings.zarr/emb_3/c")
    (here / "embeddings.zarr/emb_3/c").symlink_to(here / "other.zarr/emb_3/c")


CHANGES = {
    "imported module": (other_speed, "my-encoder"),
    "file of a callable": (other_weights, "my-encoder"),
    "same size and date": (other_bytes_of_the_same_size_and_date, "my-encoder"),
    "link": (other_module_behind_a_link, "my-encoder"),
    "chunk": (other_chunk, "store"),
    "linked folder": (other_chunk_behind_a_linked_folder, "store"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changed_its_variant_alone_is_embedded_anew(brought, change):
    make, variant = CHANGES[change]
    make(brought.folder)
    jobs = brought.planned(*ASKED)
    assert variants_of(jobs, "embed") == variants_of(jobs, "pretrain") == {variant}
    assert "dataset" not in rules_of(jobs)


def test_an_older_raster_is_read_anew_and_nothing_else(brought):
    write_raster(brought.folder / "rain.zarr", 2)
    age(brought.folder / "rain.zarr")
    jobs = brought.planned(*ASKED)
    assert {wildcards for rule, wildcards in jobs if rule == "dataset"} == {"dataset=rain"}
    assert not rules_of(jobs) & {"points", "embed", "pretrain"}


@pytest.mark.parametrize("name", ["stations.parquet", "weights.npy", "region.geojson"])
def test_a_file_that_is_gone_is_told(brought, name):
    (brought.folder / name).unlink()
    told = brought.run("--dry-run", *ASKED, check=False)
    assert told.returncode
    assert f"{name} does not exist" in told.stdout or f"{name} is not there" in told.stdout


def test_sums_that_are_damaged_are_taken_anew(brought):
    for text in ("", "[]", '{"stations.parquet": [{}, "00"]}', '{"stations.parquet": 5}'):
        brought.write(".snakemake/own/sums.json", text)
        assert "Nothing to be done" in brought.run(*ASKED).stdout
