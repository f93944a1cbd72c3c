"""Installed packages, and the state of the code according to git."""

import shutil
import subprocess
from importlib.metadata import distributions

import pytest
from files import write

from earthdim.provenance import environment


@pytest.fixture
def here(tmp_path):
    return tmp_path


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


def test_versions_equal_those_of_the_installed_packages():
    known = {
        item.metadata["Name"].replace("_", "-").replace(".", "-").lower(): item.version
        for item in distributions()
    }
    found = {name.replace(".", "-"): number for name, number in environment.packages().items()}
    assert found == known


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_state_of_the_code(here):
    project = here / "project"
    write(here, "project/config/a.yaml", "a: 1\n")
    write(here, "project/README.md", "one")
    assert environment.commit(project) == {"commit": None, "why": "no git"}
    git(here, "init", "-q", ".")
    git(here, "add", ".")
    git(here, "commit", "-qm", "a repository around the project")
    assert environment.commit(project)["commit"] is None
    git(project, "init", "-q", ".")
    assert environment.commit(project) == {"commit": None, "why": "no commit yet"}
    git(project, "add", ".")
    git(project, "commit", "-qm", "one")
    clean = environment.commit(project)
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    write(here, "project/README.md", "two")
    assert environment.commit(project) == clean
    write(here, "project/config/a.yaml", "a: 2\n")
    edited = environment.commit(project)
    assert (edited["commit"], edited["dirty"]) == (clean["commit"], True)
    write(here, "project/config/b.yaml", "b: 1\n")
    added = environment.commit(project)
    assert added["diff"] != edited["diff"]
    write(here, "project/config/b.yaml", "b: 2\n")
    assert environment.commit(project)["diff"] != added["diff"]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_failure_of_git_raises_and_yields_no_digest(here):
    project = here / "project"
    write(here, "project/config/a.yaml", "a: 1\n")
    git(project, "init", "-q", ".")
    git(project, "add", ".")
    git(project, "commit", "-qm", "one")
    write(here, "project/config/a.yaml", "a: 2\n")
    assert environment.commit(project)["dirty"]
    shown = subprocess.run(
        ["git", "-C", project, "rev-parse", "HEAD:config/a.yaml"], capture_output=True, text=True, check=True
    )
    blob = shown.stdout.strip()
    (project / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(RuntimeError, match=f"git .*diff.*: exit code 128: .*{blob}"):
        environment.commit(project)


def test_without_git(here, monkeypatch):
    monkeypatch.setenv("PATH", str(here))
    assert environment.commit(here) == {"commit": None, "why": "no git"}
