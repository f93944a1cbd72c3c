"""Runs below folders of any name, and in a folder other than the project's."""

import sys

import pytest
from environments import checkout, run
from project import Project

pytestmark = pytest.mark.workflow

# One script by a local job, which needs no data: the least that runs all of Snakemake's way to a script.
LEAST = ("results/tiny/experiment.json", "--config", "experiment=tiny")


@pytest.mark.parametrize("name", ["My Drive (1)", 'it\'s "$x" & `y`'])
def test_jobs_run_below_a_folder_of_any_name(tmp_path, monkeypatch, name):
    project = Project.create(tmp_path / name / "project")
    # As if the environment stood there too.
    (tmp_path / name / "venv").symlink_to(sys.prefix)
    monkeypatch.setattr(sys, "executable", str(tmp_path / name / "venv" / "bin" / "python"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project.run(*LEAST)
    assert (project.folder / LEAST[0]).is_file()
    assert "Nothing to be done" in project.run(*LEAST).stdout


def test_envs_run_begins_below_a_blank_from_elsewhere_and_a_directory_is_the_callers(tmp_path):
    project = Project.create(tmp_path / "a checkout")
    root = checkout(project.folder)
    elsewhere = tmp_path / "my analysis"
    elsewhere.mkdir()
    words = ("snakemake", "--cores", "1", *LEAST)
    for more, where in [
        ((), root),
        (("--directory", "out"), elsewhere / "out"),
        (("-d", str(tmp_path / "b c")), tmp_path / "b c"),
    ]:
        done = run(root, *words, *more, cwd=elsewhere, XDG_CACHE_HOME=str(tmp_path / "cache"))
        assert done.returncode == 0, done.stdout
        assert (where / LEAST[0]).is_file()
    assert sorted(path.name for path in elsewhere.iterdir()) == ["out"]
