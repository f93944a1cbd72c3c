"""A custom encoder, a table of embeddings and released weights, each defined by one leaf, in all stages."""

import hashlib
import importlib
import subprocess

import numpy as np
import pandas as pd
import pytest
from project import Project

from earthdim.storage import stores
from earthdim.storage.files import read_table

pytestmark = pytest.mark.workflow

ENCODER = """
import numpy as np

WEIGHTS = np.random.default_rng(0).standard_normal((3, 24))


def embed(lonlat):
    lon, lat = np.radians(lonlat).T
    xyz = np.stack([np.cos(lon) * np.cos(lat), np.sin(lon) * np.cos(lat), np.sin(lat)], axis=1)
    return np.sin(3 * xyz @ WEIGHTS)
"""
FUNCTION = """
kind: own
model: mine
resolution: r3
build:
  _target_: earthdim.encoders.custom.function.location_encoder
  callable: my_encoder:embed
"""
TABLE = """
kind: table
model: stations
n: 600
build:
  _target_: earthdim.encoders.custom.table.embeddings
  file: stations.parquet
  longitude: lon
  latitude: lat
  features: emb_*
"""
RELEASED = """
# @package weights
kind: released
model: satclip
about: {title: SatCLIP trained on my images, citation: mine, address: none, licence: mine}
build:
  _target_: earthdim.encoders.released.satclip.location_encoder
  legendre_polys: 10
  source: {file: satclip.ckpt}
  sha256: SUM
"""
EXPERIMENT = """
title: User-supplied encoders and embeddings
branches:
  base:
    model: [satclip]
    resolution: [l5, l10]
    modality: [rgb]
    schedule: [tiny]
    weights: [trained, untrained]
    seed: [0]
  no-knob: {model: [cartesian3d], modality: [rgb], schedule: [tiny], weights: [trained, untrained], seed: [0]}
  classes: {model: [sinr], modality: [climate-zones], schedule: [tiny], seed: [0]}
  own: {weights: [my-encoder]}
  table: {weights: [stations]}
  released: {weights: [mine/satclip]}
  elsewhere: {weights: [mine/absent]}
optional: [elsewhere]
sample: land-500
task_sample: task-land-600
estimators: [mle, twonn, mom, tle, fishers]
local_estimator: mle
activation_estimator: twonn
tasks: [elevation, climate-zone, country]
splits: [random, blocks]
heads: {trained: [ridge, logistic, mlp], untrained: [ridge, logistic], released: [ridge, logistic, mlp]}
datasets: [coastline]
statistics: default
jacobian: {branches: [released], n: 50}
figures: [resolution, twins, performance, heads, gap, loss, local_maps]
"""


def stations(n: int = 600) -> pd.DataFrame:
    """Embeddings at points of the globe. Most are at sea, without a climate zone or a country."""
    from earthdim.data.samples.area import sphere

    lonlat = sphere(n, np.random.default_rng(5))
    lon, lat = np.radians(lonlat).T
    waves = np.stack(
        [np.sin(2 * lon) * np.cos(lat), np.sin(3 * lat), np.cos(lon + lat), np.sin(lon - 2 * lat)]
    )
    columns = {f"emb_{i}": column.astype(np.float32) for i, column in enumerate(waves)}
    return pd.DataFrame({"lon": lonlat[:, 0], "lat": lonlat[:, 1], **columns})


@pytest.fixture(scope="module")
def supplied(finished, tmp_path_factory):
    project = finished.copy(tmp_path_factory.mktemp("own") / "project")
    project.write("my_encoder.py", ENCODER)
    project.write("config/weights/my-encoder.yaml", FUNCTION)
    stations().to_parquet(project.folder / "stations.parquet")
    project.write("config/weights/stations.yaml", TABLE)
    layout = importlib.import_module("unit.released_checkpoints").LAYOUTS["satclip/vit16-l10"]
    path, _ = layout.write(project.folder)
    path.rename(project.folder / "satclip.ckpt")
    leaf = RELEASED.replace("SUM", hashlib.sha256((project.folder / "satclip.ckpt").read_bytes()).hexdigest())
    project.write("config/weights/mine/satclip.yaml", leaf)
    project.write("config/weights/mine/absent.yaml", leaf.replace("satclip.ckpt", "absent.ckpt"))
    project.write("config/experiment/supplied.yaml", EXPERIMENT)
    project.run("--config", "experiment=supplied")
    return project


@pytest.fixture(scope="module")
def tables(supplied):
    folder = supplied.folder / "results" / "supplied" / "tables"
    return {path.stem: read_table(path) for path in folder.glob("*.csv")}


SUPPLIED = {"my-encoder": "own", "stations": "table", "mine_satclip": "released"}


def test_they_are_variants(tables):
    kinds = tables["variants"].set_index("variant")["weights"].to_dict()
    assert {name: kinds[name] for name in SUPPLIED} == SUPPLIED
    counted = tables["variants"].set_index("variant")["counted"]
    assert counted[["my-encoder", "stations"]].all()
    assert not counted["mine_satclip"]
    assert "mine_absent" not in kinds
    (absent,) = tables["missing"].itertuples(index=False)
    assert absent.variant == "mine_absent"
    assert "absent.ckpt does not exist" in absent.message


def test_all_have_dimensions_and_maps(supplied, tables):
    measured = tables["dimension"].query("space == 'embedding'")
    for name in SUPPLIED:
        rows = measured[measured["variant"] == name]
        assert set(rows["estimator"]) == {"mle", "twonn", "mom", "tle", "fishers"}
        (points,) = set(rows["points"])
        assert points == ("own-stations-600-r0" if name == "stations" else "land-500-r0")
        assert (supplied.folder / f"results/supplied/variants/{name}/{points}/local_dimension.zarr").is_dir()
    smooth = measured.query("variant == 'my-encoder' and estimator == 'mle'")["value"].item()
    assert smooth == pytest.approx(2.0, abs=0.3)


def test_the_table_is_probed_on_tasks_with_labels_at_all_points(tables):
    probe = tables["probe"]
    assert set(probe.query("variant == 'my-encoder'")["task"]) == {"elevation", "climate-zone", "country"}
    assert set(probe.query("variant == 'stations'")["task"]) == {"elevation"}
    left = tables["left_out"].query("what == 'task'").set_index("name")
    assert set(left.index) == {"climate-zone", "country"}
    assert set(left["variant"]) == {"stations"}
    # About 70 % of the globe is sea.
    assert (left["without_label"] / left["n"]).between(0.6, 0.8).all()


def test_they_are_cells_of_the_correlation(tables):
    correlation = tables["correlation"].query(
        "task == 'elevation' and level == 'pooled' and coefficient == 'spearman' and space == 'embedding'"
    )
    cells = correlation.groupby("points")["n_cells"].max().to_dict()
    # The common sample has two of satclip, two without a resolution parameter and one custom; the table has its points.
    assert cells == {"land-500-r0": 5, "own-stations-600-r0": 1}


def test_stored_embeddings_equal_the_supplied_table(supplied):
    table = stations()
    store = stores.open_store(
        supplied.folder / "results/variants/stations/own-stations-600-r0/embeddings.zarr", "embeddings"
    )
    assert np.array_equal(store["embedding"].values, table.filter(like="emb_").to_numpy())
    assert np.array_equal(stores.lonlat(store), table[["lon", "lat"]].to_numpy())


def test_a_second_run_has_nothing_to_do(supplied):
    assert not supplied.planned("--config", "experiment=supplied")


def test_a_change_of_custom_code_reruns_only_its_variant(supplied, tmp_path):
    project = supplied.copy(tmp_path / "project")
    project.edit("my_encoder.py", "3 * xyz", "4 * xyz")
    jobs = project.planned("--config", "experiment=supplied")
    changed = {where.split("variant=")[1].split(",")[0] for _, where in jobs if "variant=" in where}
    assert changed == {"my-encoder"}


def test_an_archive_contains_the_user_supplied_files(supplied, tmp_path):
    config = ("--config", "experiment=supplied")
    project = supplied.copy(tmp_path / "project")
    project.run("archive", *config)
    opened = Project.create(tmp_path / "opened")
    subprocess.run(
        ["tar", "-xf", project.folder / "results/archives/supplied.tar"], cwd=opened.folder, check=True
    )
    for name in ("my_encoder.py", "stations.parquet", "satclip.ckpt"):
        assert (opened.folder / name).read_bytes() == (supplied.folder / name).read_bytes()
    assert "Nothing to be done" in opened.run(*config).stdout
    assert "sound: " in opened.run("verify", *config).stdout
