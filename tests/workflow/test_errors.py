"""Invalid input on the command line: one error, no traceback, before any job starts; further cases in unit tests."""

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
    # The cache of composed leaves saves seconds per case.
    project.run("--dry-run", "--quiet", "--config", "experiment=tiny")
    return project


@pytest.fixture
def project(fresh, tmp_path):
    return fresh.copy(tmp_path / "project")


def rejected(project, words, *arguments):
    """Run, and require one error that contains all words, without any result."""
    done = project.run(*arguments, check=False)
    assert done.returncode != 0
    assert [word for word in words if word not in done.stdout] == []
    assert "Traceback" not in done.stdout
    assert done.stdout.count("Error") <= 1
    assert not (project.folder / "results").exists()
    assert not (project.folder / "ran").exists()


# An edit of a file or None; arguments of --config; words of the message.
CASES = {
    "misspelt leaf": (
        (LEAF, "[l5, l10]", "[l5, l100]"),
        (),
        ("experiment.tiny.branches.satclip.resolution", "'l100'"),
    ),
    "override out of range": (
        None,
        ("overrides=[schedule.steps=-5]",),
        ("schedule.steps", "-5"),
    ),
    "unknown experiment": (None, ("experiment=tinny",), ("experiment:", "'tinny'")),
    "shell command as experiment": (
        None,
        ("experiment=$(mkdir ran); mkdir ran",),
        ("experiment:", "'$("),
    ),
    "row without the target trace": (None, ("row=dimension:17",), ("--config row", "trace")),
    "branch without the target branch": (None, ("branch=csp",), ("--config branch", "target")),
    "unknown key of --config": (None, ("experimnt=tiny",), ("--config experimnt",)),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_error_before_any_job_starts(project, case):
    edit, config, words = CASES[case]
    if edit is not None:
        project.edit(*edit)
    named = any(item.startswith("experiment=") for item in config)
    rejected(project, words, "--config", *(config if named else ("experiment=tiny", *config)))


def test_an_embedding_table_is_checked_before_any_job_starts(project):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"lon": rng.uniform(-180, 180, 300), "lat": rng.uniform(-90, 90, 300), "emb_0": rng.random(300)}
    )
    table.to_csv(project.folder / "t.csv", index=False)
    project.write("config/weights/mine.yaml", TABLE)
    project.write("config/experiment/own.yaml", OWN)
    rejected(project, ("weights.mine.", "file: t.csv", "300", "400"), "--config", "experiment=own")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ((), ("--config branch=NAME", "satclip, csp, part")),
        (("branch=[csp]",), ("branch:", "['csp']")),
    ],
    ids=["none", "a list"],
)
def test_the_target_branch_needs_one_branch(project, config, words):
    rejected(project, words, "branch", "--config", "experiment=tiny", *config)


def test_a_path_that_no_rule_produces(project):
    rejected(project, ("No rule to produce",), "results/../../elsewhere.csv", "--config", "experiment=tiny")
