"""Records by themselves: digests, surroundings, seals, and the way from a file back to the data."""

import json
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from types import SimpleNamespace

import pytest

from earthdim import records
from earthdim.records import contents, reading, surroundings, verification, writing

JOB = {
    "config": {"n": 3, "math_threads": 1},
    "code": "c0de",
    "schema": {"points": 1},
    "libraries": {"numpy": "2"},
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(here, path, text):
    file = here / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return path


def leave(rule, wildcards, inputs, outputs):
    """The record of a job."""
    log = f"results/logs/{rule}/{'/'.join(wildcards.values())}.log"
    told = SimpleNamespace(rule=rule, wildcards=wildcards, input=inputs, output=outputs, log=[log])
    records.write(told, JOB)
    return writing.record_path(log)


@pytest.fixture
def grown(here):
    """A store made from nothing, a table made from it and from a file of the user's own."""
    write(here, "results/data/a.zarr/zarr.json", "{}")
    write(here, "results/data/a.zarr/value/c/0", "1234")
    write(here, "results/data/a.zarr/.snakemake_timestamp", "")
    write(here, "own.csv", "1,2")
    leave("dataset", {"dataset": "a"}, [], ["results/data/a.zarr"])
    table = write(here, "results/tiny/t.csv", "x\n1\n")
    leave("table", {"experiment": "tiny"}, ["results/data/a.zarr", "own.csv"], [table])
    return table


def test_a_record_says_what_made_what(grown):
    said = json.loads(writing.record_path("results/logs/table/tiny.log").read_text())
    assert said["inputs"]["results/data/a.zarr"] == contents.file_digest("results/data/a.zarr/zarr.json")
    assert said["inputs"]["own.csv"] == contents.file_digest("own.csv")
    assert said["outputs"][grown] == {"sha256": contents.file_digest(grown), "bytes": 4}
    assert said["config"] == JOB["config"]
    assert said["begun"] <= said["ended"]
    assert said["code_files"]["workflow/src/earthdim/records/writing.py"] == contents.file_digest(
        writing.__file__
    )
    packages = json.loads(writing.environment_path(said["environment"]).read_text())
    assert packages["numpy"] == sys.modules["numpy"].__version__
    store = json.loads(writing.record_path("results/logs/dataset/a.log").read_text())["outputs"][
        "results/data/a.zarr"
    ]
    assert set(store["files"]) == {"zarr.json", "value/c/0"}


def test_a_job_that_runs_again_replaces_its_record(here, grown):
    path = writing.record_path("results/logs/table/tiny.log")
    before = path.read_text()
    write(here, grown, "x\n2\n")
    assert leave("table", {"experiment": "tiny"}, [], [grown]) == path
    assert path.read_text() != before
    assert json.loads(path.read_text())["outputs"][grown]["sha256"] == contents.file_digest(grown)


def test_a_record_of_what_is_not_there_fails(here):
    with pytest.raises(FileNotFoundError):
        leave("table", {"experiment": "tiny"}, [], ["results/tiny/absent.csv"])


def test_versions_are_those_of_the_installed_packages():
    known = {
        item.metadata["Name"].replace("_", "-").replace(".", "-").lower(): item.version
        for item in distributions()
    }
    found = {name.replace(".", "-"): number for name, number in surroundings.packages().items()}
    assert found == known


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_state_of_the_code(here):
    project = here / "project"
    write(here, "project/config/a.yaml", "a: 1\n")
    write(here, "project/README.md", "one")
    assert surroundings.commit(project) == {"commit": None, "why": "no git"}
    git(here, "init", "-q", ".")
    git(here, "add", ".")
    git(here, "commit", "-qm", "a repository around the project")
    assert surroundings.commit(project)["commit"] is None
    git(project, "init", "-q", ".")
    assert surroundings.commit(project) == {"commit": None, "why": "no commit yet"}
    git(project, "add", ".")
    git(project, "commit", "-qm", "one")
    clean = surroundings.commit(project)
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    write(here, "project/README.md", "two")
    assert surroundings.commit(project) == clean
    write(here, "project/config/a.yaml", "a: 2\n")
    edited = surroundings.commit(project)
    assert (edited["commit"], edited["dirty"]) == (clean["commit"], True)
    write(here, "project/config/b.yaml", "b: 1\n")
    added = surroundings.commit(project)
    assert added["diff"] != edited["diff"]
    write(here, "project/config/b.yaml", "b: 2\n")
    assert surroundings.commit(project)["diff"] != added["diff"]


def test_without_git(here, monkeypatch):
    monkeypatch.setenv("PATH", str(here))
    assert surroundings.commit(here) == {"commit": None, "why": "no git"}


def test_the_way_back(grown):
    behind = reading.chain(reading.read(), [grown])
    assert [record.rule for record in behind.records] == ["dataset", "table"]
    assert set(behind.own) == {"own.csv"}
    assert not behind.unrecorded
    writing.record_path("results/logs/dataset/a.log").unlink()
    gap = reading.chain(reading.read(), [grown])
    assert gap.unrecorded == {"results/data/a.zarr": "table experiment=tiny"}


def found(targets):
    return {(finding.path, finding.what) for finding in verification.verify("tiny", targets, []).findings}


def test_a_sound_chain_has_no_finding(grown):
    verified = verification.verify("tiny", [grown], [])
    assert (verified.findings, verified.jobs, verified.files) == ([], 2, 3)


def test_a_file_of_the_users_own_that_changed_is_told(here, grown):
    write(here, "own.csv", "1,3")
    assert found([grown]) == {(grown, "was made from another version of your own.csv")}


def test_an_input_made_again_with_other_contents_is_told(here, grown):
    write(here, "results/data/a.zarr/zarr.json", '{"b": 1}')
    leave("dataset", {"dataset": "a"}, [], ["results/data/a.zarr"])
    assert found([grown]) == {(grown, "was made from another version of results/data/a.zarr")}


def test_a_record_that_was_altered_or_moved_is_told(here, grown):
    path = writing.record_path("results/logs/table/tiny.log")
    text = path.read_text()
    path.write_text(text.replace('"c0de"', '"c0df"'))
    assert found([grown]) == {(str(path), "was altered")}
    said = json.loads(text)
    elsewhere = path.with_name("other.json")
    elsewhere.write_text(text)
    path.unlink()
    assert found([grown]) == {(str(elsewhere), "was altered")}
    elsewhere.write_text(json.dumps(writing.sealed(said | {"path": str(elsewhere)})))
    assert not found([grown])


def test_what_a_later_job_deletes_is_no_damage(here, monkeypatch):
    path = write(here, "results/variants/v/candidates-0.json", "{}")
    monkeypatch.setitem(JOB, "schema", {"candidates": 1})
    leave("neighbours_block", {"variant": "v"}, [], [path])
    graph = write(here, "results/variants/v/neighbours.json", "{}")
    monkeypatch.setitem(JOB, "schema", {"neighbours": 1})
    leave("neighbours_merge", {"variant": "v"}, [path], [graph])
    (here / path).unlink()
    assert not found([graph])
    (here / graph).unlink()
    assert found([graph]) == {(graph, "is not there")}


def test_the_later_of_two_records_of_one_file_counts(here):
    graph = write(here, "results/variants/v/neighbours.json", "{}")
    leave("neighbours", {"variant": "v"}, [], [graph])
    write(here, graph, "[]")
    leave("neighbours_merge", {"variant": "v"}, [], [graph])
    assert not found([graph])
