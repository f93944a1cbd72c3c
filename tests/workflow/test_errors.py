"""Invalid input on the command line: a one-line error before any job, no traceback; unit tests cover other cases."""

import numpy as np
import pandas as pd
import pytest
from project import Project
from unit.wrong_input import OWN, TABLE

pytestmark = pytest.mark.workflow

LEAF = "config/experiment/tiny.yaml"


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
    "override out of range": (
        None,
        ("overrides=[schedule.steps=-5]",),
        "schedule.steps: -5 is less than the",
    ),
    "unknown experiment": (None, ("experiment=tinny",), "experiment: there is no experiment 'tinny'"),
    "a command for an experiment": (
        None,
        ("experiment=$(mkdir ran); mkdir ran",),
        "there is no experiment '$(",
    ),
    "a row without trace": (None, ("row=dimension:17",), "--config row: "),
    "a branch without branch": (None, ("branch=csp",), "--config branch: "),
    "unknown key of --config": (None, ("experimnt=tiny",), "--config experimnt: unknown key"),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_invalid_configuration_fails_before_any_job_starts(project, case):
    edit, config, message = CASES[case]
    if edit is not None:
        project.edit(*edit)
    named = any(item.startswith("experiment=") for item in config)
    refused(project, message, "--config", *(config if named else ("experiment=tiny", *config)))


def test_a_table_is_checked_before_any_job_starts(project):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"lon": rng.uniform(-180, 180, 300), "lat": rng.uniform(-90, 90, 300), "emb_0": rng.random(300)}
    )
    table.to_csv(project.folder / "t.csv", index=False)
    project.write("config/weights/mine.yaml", TABLE)
    project.write("config/experiment/own.yaml", OWN)
    message = "weights.mine.build.file: t.csv: has 300 rows, fewer than n = 400"
    refused(project, message, "--config", "experiment=own")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ((), "branch: is missing; select one by --config branch=NAME; tiny has satclip, csp, part"),
        (("branch=[csp]",), "branch: ['csp'] is not a branch of tiny"),
    ],
    ids=["none", "a list"],
)
def test_an_unknown_branch_is_named(project, named, message):
    refused(project, message, "branch", "--config", "experiment=tiny", *named)


def test_a_path_that_no_rule_makes(project):
    refused(project, "No rule to produce", "results/../../elsewhere.csv", "--config", "experiment=tiny")
