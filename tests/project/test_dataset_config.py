"""Leaves of data sets, tasks and samples can be built, and their descriptions are true."""

import re
from importlib.metadata import distribution, metadata
from pathlib import Path

import numpy as np
import pytest
import yaml

from earthdim.build import build
from earthdim.data.datasets.packaged import package_file
from earthdim.data.datasets.raster import axis
from earthdim.experiment import parts
from earthdim.experiment.targets import check_target
from earthdim.experiment.validation import check_schema

ROOT = Path(__file__).parents[2]
# Licence -> its name in the metadata of distributions.
DECLARED = {
    "MIT": "MIT",
    "BSD-3-Clause": "BSD",
    "LGPL-3.0-or-later": "LGPL-3.0-or-later",
    "Apache-2.0": "Apache-2.0",
    "ODbL-1.0": "Open Database License (ODbL) v1.0",
}
DEGREES = {"degrees": 1, "arc-minutes": 1 / 60, "arc-seconds": 1 / 3600}


def leaves(group):
    files = sorted((ROOT / "config" / group).glob("*.yaml"))
    return {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}


DATASETS, TASKS, SAMPLES = leaves("dataset"), leaves("task"), leaves("sample")
# A gigabyte: test_landmask.py builds it.
LIGHT = sorted(set(DATASETS) - {"land-mask"})


def rasters(dataset):
    return [field for field in dataset.data_vars.values() if field.dims[-2:] == ("lat", "lon")]


@pytest.mark.parametrize("group", ["dataset", "task", "sample"])
def test_leaves_fit_the_schema_and_name_existing_targets(group):
    for name, leaf in leaves(group).items():
        check_schema(leaf, ROOT / "workflow" / "schemas" / f"{group}.schema.yaml", f"{group}.{name}")
        given = parts.SAMPLER if group == "sample" else frozenset()
        check_target(leaf["build"], f"{group}.{name}.build", given)


@pytest.mark.parametrize("name", LIGHT)
def test_data_sets_carry_cf_names_and_units(packaged, name):
    dataset = packaged(name)
    assert dataset.attrs["Conventions"].startswith("CF-")
    for variable in dataset.variables.values():
        names = {"standard_name", "long_name"} & set(variable.attrs)
        assert names, variable
    for variable in dataset.data_vars.values():
        assert variable.attrs["units"], variable
        flags = variable.attrs.get("flag_values", [])
        assert len(flags) == len(variable.attrs.get("flag_meanings", "").split())
        assert not len(flags) or np.isin(variable.values, flags).all()


@pytest.mark.parametrize("name", LIGHT)
def test_the_resolution_is_the_stated_one(packaged, name):
    source = DATASETS[name]["about"]["source"]
    stated = [
        float(size) * DEGREES[unit] for size, unit in re.findall(r"([\d.]+) (degrees|arc-\w+s)", source)
    ]
    for field in rasters(packaged(name)):
        for line in (axis(field, "lat"), axis(field, "lon")):
            assert any(line.step == pytest.approx(step) for step in stated)
        for columns, rows in re.findall(r"(\d+) x (\d+) pixels", source):
            assert field.shape[-2:] == (int(rows), int(columns))


@pytest.mark.parametrize("name", DATASETS)
def test_files_of_the_source_are_in_the_packages(name):
    about = DATASETS[name]["about"]
    for file in re.findall(r"[\w-]+\.(?:jpg|png|dat)\b", about["source"]):
        packed = [path for package in about["package"].split() for path in distribution(package).files]
        assert file in {path.name for path in packed}


@pytest.mark.parametrize("name", DATASETS)
def test_licences_are_those_of_the_distributions(name):
    about = DATASETS[name]["about"]
    stated = re.findall(r"([\w.-]+) \(([^)]*)\)", about["licence"])
    for package in about["package"].split():
        licences = [licence for licence, holders in stated if package in holders.split(", ")]
        assert len(licences) == 1, package
        about_it = metadata(package)
        words = [value for key, value in about_it.items() if key.startswith(("License", "Classifier"))]
        assert DECLARED[licences[0]] in " ".join([*words, about_it.get_payload() or ""])


def test_the_release_of_the_polygons_is_the_installed_one():
    release = package_file("timezonefinder-data", "timezonefinder_data/data/data_version.txt").read_text()
    assert f"timezone-boundary-builder {release.strip()} " in DATASETS["countries"]["about"]["source"]


@pytest.mark.parametrize("name", TASKS)
def test_tasks_label_known_land_from_their_data_set(packaged, name):
    leaf = TASKS[name]
    task = build(leaf["build"])
    quito_tokyo_fiji_london = np.array([[-78.5, -0.2], [139.7, 35.7], [178.0, -17.8], [-0.13, 51.5]])
    labels = task.labels(quito_tokyo_fiji_london, packaged(leaf["dataset"]))
    assert labels.shape == (4,)
    if leaf["kind"] == "regression":
        assert labels.dtype == np.float64
        assert np.isfinite(labels).all()
    else:
        assert labels.dtype == np.int64
        assert 0 <= labels.min() <= labels.max() < len(task.class_names(packaged(leaf["dataset"])))


def test_samples_have_n_points():
    # A region needs its borders from a data set; test_samples.py draws it.
    for leaf in (leaf for leaf in SAMPLES.values() if "dataset" not in leaf):
        rng = np.random.default_rng(leaf["seed"])
        points = build(leaf["build"], n=leaf["n"], rng=rng, is_land=lambda at: at[:, 1] > 0)
        assert points.shape == (leaf["n"], 2)


def test_leaves_of_one_kind_and_n_give_the_same_points():
    # Point sets are named by kind, n and replicate.
    drawn = {}
    for leaf in SAMPLES.values():
        rest = {key: value for key, value in leaf.items() if key != "replicates"}
        assert drawn.setdefault((leaf["kind"], leaf["n"]), rest) == rest
    seeds = {kind: {leaf["seed"] for leaf in SAMPLES.values() if leaf["kind"] == kind} for kind, _ in drawn}
    assert not seeds["land"] & seeds["task-land"]
