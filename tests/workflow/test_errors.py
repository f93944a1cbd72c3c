"""Bad input by the real command line: one clear error, no traceback, before any job; most cases are in unit tests."""

import numpy as np
import pandas as pd
import pytest
from project import Project

pytestmark = pytest.mark.workflow

LEAF = "config/experiment/tiny.yaml"
OWN = """
title: Brought along
branches: {mine: {weights: [mine]}}
sample: land-500
estimators: [mle]
local_estimator: mle
datasets: []
figures: []
"""
TABLE = """
kind: table
model: stations
n: 400
_target_: earthdim.own.table.embeddings
file: t.csv
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    project = Project.create(tmp_path_factory.mktemp("errors") / "project")
    # Its cache of composed leaves saves each case seconds.
    project.run("--dry-run", "--quiet", "--config", "experiment=tiny")
    return project


@pytest.fixture
def project(fresh, tmp_path):
    return fresh.copy(tmp_path / "project")


def refused(project, message, *arguments):
    done = project.run(*arguments, check=False)
    assert done.returncode != 0
    assert message in done.stdout
    assert "Traceback" not in done.stdout
    assert done.stdout.count("Error") <= 1
    assert not (project.folder / "results").exists()
    assert not (project.folder / "ran").exists()


# An edit of a file, or none; what follows --config; the message.
CASES = {
    "misspelt leaf": (
        (LEAF, "[l5, l10]", "[l5, l100]"),
        (),
        "experiment.tiny.branches.satclip.resolution: there is no resolution 'l100'",
    ),
    "target outside the package": (
        ("config/model/satclip.yaml", "earthdim.networks.Siren", "os.system"),
        (),
        "model.network._target_: 'os.system' is not a class of earthdim.networks",
    ),
    "code in a file of config": (
        ("config/head/ridge.yaml", "_target_:", "x: !!python/object/apply:os.mkdir [ran]\n_target_:"),
        (),
        "the tag tag:yaml.org,2002:python/object/apply:os.mkdir is not read",
    ),
    "cycle of defaults": (
        ("config/modality/rgb.yaml", "sources:", "defaults: [rgb, _self_]\nsources:"),
        (),
        "its defaults list leads back to itself",
    ),
    "argument out of range": (
        ("config/split/random.yaml", "folds: 5", "folds: 5000"),
        (),
        "split.random.folds: 600 points cannot be cut into 5000 folds",
    ),
    "override out of range": (
        None,
        ("overrides=[schedule.steps=-5]",),
        "schedule.steps: -5 is less than the",
    ),
    "override of nothing": (None, ("overrides=[schedule.epoch=5]",), "has the key schedule.epoch"),
    "override that is no key=value": (None, ("overrides=[schedule]",), "is not key=value"),
    "overrides that are no list": (None, ("overrides=5",), "overrides: 5 is no list of key=value"),
    "unknown experiment": (None, ("experiment=tinny",), "experiment: there is no experiment 'tinny'"),
    "a command for an experiment": (
        None,
        ("experiment=$(mkdir ran); mkdir ran",),
        "there is no experiment '$(",
    ),
    "a path for an experiment": (
        None,
        ("experiment=../model/satclip",),
        "there is no experiment '../model/satclip'",
    ),
    "no experiment": (None, ("experiment=",), "experiment: there is no experiment None"),
    "unknown branch": (None, ("branch=[csp]",), "branch: ['csp'] is not a branch of tiny"),
    "unknown key of --config": (None, ("experimnt=tiny",), "--config experimnt: there is no such key"),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_clear_error_before_any_work(project, case):
    edit, config, message = CASES[case]
    if edit is not None:
        project.edit(*edit)
    named = any(item.startswith("experiment=") for item in config)
    refused(project, message, "--config", *(config if named else ("experiment=tiny", *config)))


def test_a_table_is_looked_at_before_any_work(project):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"lon": rng.uniform(-180, 180, 300), "lat": rng.uniform(-90, 90, 300), "a": rng.random(300)}
    )
    table.to_csv(project.folder / "t.csv", index=False)
    project.write("config/weights/mine.yaml", TABLE)
    project.write("config/experiment/own.yaml", OWN)
    message = "weights.mine.file: t.csv: has 300 rows, fewer than n = 400"
    refused(project, message, "--config", "experiment=own")


def test_branch_without_a_name_says_which_there_are(project):
    message = "branch: say which one: --config branch=NAME; tiny has satclip, csp, part"
    refused(project, message, "branch", "--config", "experiment=tiny")


def test_a_path_that_nothing_makes(project):
    refused(project, "No rule to produce", "results/../../elsewhere.csv", "--config", "experiment=tiny")
