"""The library returns the workflow's numbers, for any kind of array, in a checkout and installed."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skdim.id
import torch
import zarr

import earthdim
from earthdim.data.samples.area import sphere
from earthdim.estimation.estimators import EstimateError, PreparedEmbedding
from earthdim.estimation.estimators import leaves as estimator_leaves
from earthdim.estimation.measure import measure
from earthdim.estimation.neighbours import knn, prepare
from earthdim.estimation.scale import measure_scale
from earthdim.experiment.leaves import LeafStore
from earthdim.storage.schema import ESTIMATE

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def lonlat():
    return sphere(500, np.random.default_rng(1))


@pytest.fixture(scope="module")
def embedding(lonlat):
    """A smooth map of the sphere to 24 columns, with two duplicate rows."""
    rng = np.random.default_rng(2)
    waves = np.radians(lonlat) @ rng.normal(size=(2, 24)) + rng.uniform(0, 6, 24)
    values = np.sin(waves).astype(np.float32)
    values[[100, 200]] = values[0]
    return values


def leaves(*names):
    store = LeafStore(ROOT / "config")
    return {name: store.get("estimator", name, "test")["estimator"] for name in names}


def test_rows_are_those_of_the_workflow(embedding):
    names = ("mle", "mom", "tle", "twonn", "fishers", "gride-k8", "mle-k10", "participation-ratio")
    prepared = prepare(embedding)
    # As in the workflow: a graph with more neighbours than any estimator reads.
    expected, _ = measure(PreparedEmbedding(prepared, knn(prepared.points, 100)), leaves(*names))
    found = earthdim.dimension(embedding, estimators=names)
    pd.testing.assert_frame_equal(found[list(ESTIMATE)], expected[list(ESTIMATE)], check_exact=True)
    assert (found["n"] == 500).all()
    assert (found["duplicates_dropped"] == 2).all()
    assert found["estimator"].tolist()[-2:] == ["mle", "participation-ratio"]


def test_intervals_are_those_of_the_workflow(embedding):
    subsampling = {"draws": 4, "seed": 3}
    prepared = prepare(embedding)
    expected, _ = measure(
        PreparedEmbedding(prepared, knn(prepared.points, 100)), leaves("mle", "twonn"), subsampling
    )
    found = earthdim.dimension(embedding, estimators=["mle", "twonn"], subsampling=subsampling)
    assert found["low"].notna().all()
    pd.testing.assert_frame_equal(found[list(ESTIMATE)], expected[list(ESTIMATE)], check_exact=True)


def test_coordinates_add_the_neighbour_radius(embedding, lonlat):
    plain = earthdim.dimension(embedding)
    found = earthdim.dimension(embedding, lonlat.tolist())
    pd.testing.assert_frame_equal(found.drop(columns="neighbour_radius_km"), plain, check_exact=True)
    expected = measure_scale(embedding, lonlat, [500], leaves(*plain["estimator"]), 20)
    assert found["neighbour_radius_km"].tolist()[:4] == expected["neighbour_radius_km"].tolist()[:4]
    radius = found.set_index("estimator")["neighbour_radius_km"]
    assert radius["mle"] == pytest.approx(np.sqrt(20 * 5.1e8 / (np.pi * 500)), rel=0.15)
    assert np.isnan(radius["fishers"])
    with pytest.raises(ValueError, match="lonlat: 499 coordinates for 500"):
        earthdim.dimension(embedding, lonlat[:-1])


def test_any_kind_of_array_gives_the_same(embedding, tmp_path):
    stored = zarr.open_array(
        tmp_path / "array.zarr", mode="w", shape=embedding.shape, dtype="float32", chunks=(99, 7)
    )
    stored[:] = embedding
    tensor = torch.from_numpy(embedding).requires_grad_()
    kinds = [
        embedding.astype(np.float64),
        np.asfortranarray(embedding),
        tensor * 1.0,
        tensor.double(),
        stored,
        embedding.tolist(),
        pd.DataFrame(embedding),
    ]
    expected = earthdim.dimension(embedding, estimators=["mle"])
    for kind in kinds:
        pd.testing.assert_frame_equal(
            earthdim.dimension(kind, estimators=["mle"]), expected, check_exact=True
        )
    precise = embedding.astype(np.float64) / 3 + np.random.default_rng(0).normal(size=embedding.shape)
    pd.testing.assert_frame_equal(
        earthdim.dimension(torch.from_numpy(precise), estimators=["mle"]),
        earthdim.dimension(precise, estimators=["mle"]),
        check_exact=True,
    )
    rounded = torch.from_numpy(embedding).bfloat16()
    assert earthdim.dimension(rounded, estimators=["mle"])["value"].item() == pytest.approx(
        earthdim.dimension(rounded.float().numpy(), estimators=["mle"])["value"].item(), rel=1e-12
    )


def test_the_array_is_not_modified(embedding, lonlat):
    before = embedding.astype(np.float64)
    given = before.copy()
    earthdim.dimension(given, lonlat, estimators=["mle", "rankme"])
    np.testing.assert_array_equal(given, before)


def test_k_applies_to_local_estimators_only(embedding):
    names = ["mle", "mada", "twonn", "corrint", "fishers"]
    found = earthdim.dimension(embedding, estimators=names, k=np.int64(10)).set_index("estimator")
    assert found["k"].tolist()[:4] == [10, 10, 2, 20]
    assert pd.isna(found.loc["fishers", "k"])
    assert found.loc["mle", "value"] == earthdim.dimension(embedding, estimators="mle-k10")["value"].item()


def test_custom_leaves(embedding):
    custom = {"mle-robust": {**leaves("mle")["mle"], "k": 7, "aggregation": "median"}}
    (row,) = earthdim.dimension(embedding, estimators=custom).itertuples()
    assert (row.estimator, row.k, row.aggregation) == ("mle-robust", 7, "median")
    del custom["mle-robust"]["aggregation"]
    with pytest.raises(ValueError, match="mle-robust: aggregation: missing"):
        earthdim.dimension(embedding, estimators=custom)


def test_estimators_without_neighbours_build_no_graph(embedding, monkeypatch):
    expected = earthdim.dimension(embedding, estimators=["fishers", "mle"])["value"][0]
    monkeypatch.setattr("earthdim.estimation.neighbours.knn", None)
    found = earthdim.dimension(embedding, estimators=["fishers", "rankme", "lpca-fo"])
    assert found["value"][0] == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            dict(estimators=["mle", "unknown"]),
            r"estimators: there is no config/estimator/unknown\.yaml.*fishers",
        ),
        (dict(estimators=[]), "estimators: "),
        (dict(k=499), "k: must lie in 1 .. 496"),
        (dict(k=1), "k: must lie in"),
        (dict(subsampling={"draws": 4}), "subsampling: lacks seed"),
        (dict(array=np.ones((500, 3))), "all points are the same"),
        (dict(array=np.full((500, 3), "a")), "array: must hold real numbers"),
        (dict(array=np.zeros(500)), r"must have the shape \(points, features\)"),
        (dict(array=np.eye(10)), "at least 22 points"),
    ],
    ids=lambda value: None if isinstance(value, str) else next(iter(value)),
)
def test_invalid_arguments_are_errors_that_name_them(embedding, change, message):
    with pytest.raises(ValueError, match=message):
        earthdim.dimension(**{"array": embedding, **change})


def test_a_value_that_is_not_finite_is_an_error(embedding):
    broken = embedding.copy()
    broken[3, 1] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        earthdim.dimension(broken)


def test_a_failing_estimator_does_not_affect_the_others():
    """FisherS separates all 64 points of 64 independent columns."""
    x = np.random.default_rng(0).standard_normal((64, 64))
    names = ["mle", "twonn", "fishers"]
    with pytest.warns(UserWarning, match="fishers: .*all 64 points are separable"):
        found = earthdim.dimension(x, estimators=names).set_index("estimator")
    assert np.isnan(found.loc["fishers", "value"])
    assert "cannot be told from so few" in found.loc["fishers", "note"]
    # Levina and Bickel's estimator, harmonic mean over points, from all pairwise distances.
    radii = np.sort(np.linalg.norm(x[:, None] - x[None], axis=2), axis=1)[:, 1:21]
    assert found.loc["mle", "value"] == pytest.approx(
        19 / np.mean(np.log(radii[:, -1:] / radii[:, :-1]).sum(axis=1)), rel=0.06
    )
    reference = skdim.id.TwoNN().fit(x).dimension_
    assert found.loc["twonn", "value"] == pytest.approx(reference, rel=1e-6)
    with pytest.warns(UserWarning, match="fishers"):
        located = earthdim.dimension(x, sphere(64, np.random.default_rng(1)), estimators=names)
    assert located["value"].notna().tolist() == [True, True, False]


def test_estimators_that_need_more_points_fail_alone(embedding):
    with pytest.warns(UserWarning, match="mle: 30 distinct points are too few for k = 40"):
        found = earthdim.dimension(
            embedding[1:31], estimators={"mle": {**leaves("mle")["mle"], "k": 40}, **leaves("twonn")}
        )
    assert found["value"].notna().tolist() == [False, True]


def test_failure_of_all_estimators_is_an_error():
    x = np.random.default_rng(0).standard_normal((64, 64))
    with pytest.raises(EstimateError, match="all 64 points are separable"):
        earthdim.dimension(x, estimators="fishers")


def test_missing_leaves_are_an_error(monkeypatch):
    monkeypatch.setattr(estimator_leaves, "CHECKOUT", Path("/nowhere"))
    with pytest.raises(FileNotFoundError, match="config/estimator"):
        estimator_leaves._folder()


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "config" / "estimator").glob("*.yaml")))
def test_a_leaf_equals_that_of_the_workflow(name):
    assert estimator_leaves.read_leaf(name) == leaves(name)[name]


def python(code, *paths):
    """Run code in a Python without the checkout's package, but with the same libraries."""
    libraries = (entry for entry in sys.path if "site-packages" in entry)
    # Without numba: its cache next to the code is empty, and compiling takes longer than these few points.
    environment = {"PYTHONPATH": ":".join(map(str, [*paths, *libraries])), "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=True)
    return done.stdout


def test_importing_the_package_is_cheap():
    code = "import sys, earthdim; print(sorted({'numpy', 'pandas', 'torch', 'skdim', 'hydra'} & set(sys.modules)))"
    assert python(code, ROOT / "workflow" / "src").strip() == "[]"
    assert "dimension" in earthdim.__all__
    with pytest.raises(AttributeError, match="nothing"):
        _ = earthdim.nothing


def test_measuring_an_array_loads_no_planner():
    code = (
        "import sys, numpy, earthdim; X = numpy.random.default_rng(0).random((60, 5));"
        "earthdim.dimension(X, X[:, :2], estimators=['mle-k10', 'fishers', 'tle']);"
        "print(*sorted(name for name in sys.modules if name.split('.')[0] in ('hydra', 'omegaconf', 'snakemake')"
        " or name.startswith(('earthdim.experiment', 'earthdim.jobs', 'earthdim.provenance', 'earthdim.figures'))))"
    )
    assert python(code, ROOT / "workflow" / "src").strip() == ""


def test_an_installed_package_finds_its_estimators(tmp_path):
    source = tmp_path / "source"
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for part in ("config", "workflow/src"):
        shutil.copytree(ROOT / part, source / part, ignore=ignore)
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / part, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run = {"check": True, "capture_output": True, "cwd": tmp_path}
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, source], **run)
    (wheel,) = tmp_path.glob("*.whl")
    names = {Path(name).name for name in zipfile.ZipFile(wheel).namelist()}
    assert {path.name for path in (ROOT / "config" / "estimator").glob("*.yaml")} | {
        "py.typed",
        "published.csv",
    } <= names

    prefix = tmp_path / "prefix"
    options = ["--no-deps", "--ignore-installed", "--no-compile", "--prefix", prefix]
    subprocess.run([*pip, "install", *options, wheel], **run)
    (installed,) = prefix.rglob("site-packages")
    code = (
        "import numpy, earthdim; X = numpy.random.default_rng(0).random((60, 5));"
        "print(earthdim.__file__); print(earthdim.dimension(X, estimators=['mle-k10', 'twonn']).shape)"
    )
    where, shape = python(code, installed).splitlines()
    assert where.startswith(str(installed))
    assert shape == "(2, 13)"
