"""envs/run: the folder in which a command runs, names of folders, and the choice of Python."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from environments import ROOT, checkout, run

from earthdim.provenance.verify import Finding, Verified, summary

NAMES = ["plain", "with a blank", 'it\'s (ä) & "$x" `y` \\z', "x" * 200]
SAY = "import json, os, sys; print(json.dumps([os.getcwd(), sys.argv, os.environ['SNAKEMAKE_PROFILE']]))"


@pytest.fixture
def elsewhere(tmp_path):
    """A folder outside the project, with a script."""
    folder = tmp_path / "my analysis"
    folder.mkdir()
    (folder / "analyse.py").write_text(SAY)
    return folder


@pytest.fixture
def root(tmp_path):
    return checkout(tmp_path / "a checkout")


@pytest.mark.parametrize("name", NAMES)
def test_a_script_runs_in_the_callers_folder(tmp_path, elsewhere, name):
    root = checkout(tmp_path / name)
    done = run(root, "python", "analyse.py", "a  b", "$c", cwd=elsewhere)
    folder, words, profile = json.loads(done.stdout)
    assert folder == str(elsewhere)
    assert words == ["analyse.py", "a  b", "$c"]
    assert profile == "workflow/profiles/local"


def test_other_commands_use_the_environment_and_run_in_the_callers_folder(root, elsewhere):
    done = run(
        root, "bash", "-c", "pwd; command -v python; echo ${PYTHONPATH-none}", cwd=elsewhere, PYTHONPATH="x"
    )
    assert done.stdout.splitlines() == [str(elsewhere), f"{root}/.venv/bin/python", "none"]
    assert run(root, "bash", "-c", "exit 7", cwd=elsewhere).returncode == 7


def test_a_profile_is_found_relative_to_both_folders(root, elsewhere):
    for folder in (elsewhere / "mine", root / "workflow" / "profiles" / "local", root / "workflow" / "x"):
        folder.mkdir(parents=True)
    for given, meant in [
        ("mine", elsewhere / "mine"),
        ("workflow/x", root / "workflow" / "x"),
        (str(elsewhere / "mine"), elsewhere / "mine"),
        ("of-snakemake", "of-snakemake"),
    ]:
        done = run(root, "python", "analyse.py", cwd=elsewhere, SNAKEMAKE_PROFILE=given)
        assert json.loads(done.stdout)[2] == str(meant)
    done = run(root, "python", "analyse.py", cwd=elsewhere)
    assert json.loads(done.stdout)[2] == str(root / "workflow" / "profiles" / "local")


def collected(done) -> list[str]:
    return re.findall(r"^(\S+)::test_\w+$", done.stdout, re.MULTILINE)


def test_pytest_collects_the_project_from_outside_and_the_folder_within(root, elsewhere):
    (root / "tests" / "part").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\ntestpaths = ["tests"]\n')
    (root / "tests" / "test_a.py").write_text("def test_a(): pass\n")
    (root / "tests" / "part" / "test_b.py").write_text("def test_b(): pass\n")
    (elsewhere / "test_mine.py").write_text("def test_mine(): pass\n")
    words = ("pytest", "--collect-only", "-q", "-p", "no:cacheprovider")
    both = ["tests/part/test_b.py", "tests/test_a.py"]
    assert sorted(collected(run(root, *words, cwd=elsewhere))) == both
    assert sorted(collected(run(root, *words, cwd=root))) == both
    assert collected(run(root, *words, "test_b.py", cwd=root / "tests" / "part")) == [both[0]]


@pytest.mark.parametrize("name", ["a:b", "a{b}", "a\nb"])
def test_an_unsupported_name_fails_before_an_environment_is_created(tmp_path, name):
    shutil.copytree(ROOT / "envs", tmp_path / name / "envs")
    done = run(tmp_path / name, "python", "-c", "1", cwd=tmp_path)
    assert done.returncode == 1
    assert "colon" in done.stdout
    assert not (tmp_path / name / ".venv").exists()


def python_of(folder: Path, name: str, version: str) -> Path:
    """A Python that reports another version."""
    folder.mkdir(exist_ok=True)
    script = folder / name
    change = f"import sys; sys.version_info = (*map(int, '{version}'.split('.')), 0, 'final', 0); "
    script.write_text(
        f'#!/bin/sh\ntest "$1" = -c || exit 9\nshift; code=$1; shift\nexec {sys.executable} -c "{change}$code" "$@"\n'
    )
    script.chmod(0o755)
    return script


@pytest.mark.parametrize("version", ["3.10", "3.14", "2.7"])
def test_a_named_python_of_another_version_fails(root, tmp_path, version):
    python = python_of(tmp_path / "bin", "mine", version)
    done = run(root, "python", "-c", "1", cwd=tmp_path, EARTHDIM_PYTHON=str(python))
    assert done.returncode == 1
    assert f"EARTHDIM_PYTHON={python}" in done.stdout
    assert (root / ".venv" / "bin" / "python").exists()


def test_an_environment_is_kept_when_another_python_was_installed(root, tmp_path, elsewhere):
    python_of(tmp_path / "bin", "python3.11", "3.13")
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    assert run(root, "python", "analyse.py", cwd=elsewhere, PATH=path).returncode == 0


@pytest.mark.parametrize("change", ["lock", "version", "folder"])
def test_other_locks_another_version_or_another_folder_create_a_new_environment(root, tmp_path, change):
    stamp = root / ".venv" / "earthdim-locks.sha256"
    digest, version, folder = stamp.read_text().rstrip("\n").split(" ", 2)
    other = {
        "lock": ["0", version, folder],
        "version": [digest, "3.10", folder],
        "folder": [digest, version, "/x"],
    }
    stamp.write_text(" ".join(other[change]) + "\n")
    # This Python cannot create one; the attempt is tested.
    python = python_of(tmp_path / "bin", "mine", "3.12")
    done = run(root, "python", "-c", "1", cwd=tmp_path, EARTHDIM_PYTHON=str(python))
    assert done.returncode == 9
    assert "environment in .venv" in done.stdout
    assert not stamp.exists()


def test_commands_that_verify_suggests_refer_to_the_verified_folder():
    findings = [
        Finding("results/a.csv", "has 1 bytes, not 2", again="results/a.csv"),
        Finding("results/b.csv", "has no record", command="rm -r -- results/b.csv"),
    ]
    verified = Verified(findings, jobs=1, files=2)
    run_again = "    envs/run snakemake --cores 1 --config experiment=tiny"
    here = summary(verified, ["experiment=tiny"]).splitlines()
    assert f"{run_again} --forcerun results/a.csv" in here
    assert "    rm -r -- results/b.csv" in here
    there = summary(verified, ["experiment=tiny", "--directory", "/my place"]).splitlines()
    assert f"{run_again} --directory '/my place' --forcerun results/a.csv" in there
    # Typed in the root it must not remove the root's own.
    assert "    (cd '/my place' && rm -r -- results/b.csv)" in there
