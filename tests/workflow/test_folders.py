"""Runs in folders with special characters in their path, and with --directory."""

import sys

import pytest
from environments import checkout, run
from project import Project

pytestmark = pytest.mark.workflow

# One script in a local job without data: the smallest run that executes a script through Snakemake.
SMALLEST = ("results/tiny/experiment.json", "--config", "experiment=tiny")


@pytest.mark.parametrize("name", ["My Drive (1)", 'it\'s "$x" & `y`'])
def test_jobs_run_in_a_path_with_special_characters(tmp_path, monkeypatch, name):
    project = Project.create(tmp_path / name / "project")
    # As if the environment were in that folder, too.
    (tmp_path / name / "venv").symlink_to(sys.prefix)
    monkeypatch.setattr(sys, "executable", str(tmp_path / name / "venv" / "bin" / "python"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project.run(*SMALLEST)
    assert (project.folder / SMALLEST[0]).is_file()
    assert "Nothing to be done" in project.run(*SMALLEST).stdout


def test_envs_run_works_from_another_folder_and_directory_is_relative_to_the_caller(tmp_path):
    project = Project.create(tmp_path / "a checkout")
    root = checkout(project.folder)
    elsewhere = tmp_path / "my analysis"
    elsewhere.mkdir()
    words = ("snakemake", "--cores", "1", *SMALLEST)
    for more, where in [
        ((), root),
        (("--directory", "out"), elsewhere / "out"),
        (("-d", str(tmp_path / "b c")), tmp_path / "b c"),
    ]:
        done = run(root, *words, *more, cwd=elsewhere, XDG_CACHE_HOME=str(tmp_path / "cache"))
        assert done.returncode == 0, done.stdout
        assert (where / SMALLEST[0]).is_file()
    assert sorted(path.name for path in elsewhere.iterdir()) == ["out"]
