"""Records by themselves: digests, surroundings, seals, and the way from a file back to the data."""

import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from files import write
from rocrate.rocrate import ROCrate

from earthdim import provenance
from earthdim.provenance import archive, chain, crate, environment, record, trace, verify
from earthdim.storage.digests import file_digest

JOB = {
    "config": {"n": 3, "math_threads": 1},
    "code": "c0de",
    "schema": {"points": 1},
    "libraries": {"numpy": "2"},
}
REPORT = ["results/tiny/report.html", "results/tiny/budget.csv"]
ASKED = ["experiment=tiny"]
WRITE_REPORT = "envs/run python workflow/scripts/finish.py --fresh --config experiment=tiny"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder where the experiment `tiny` has a report, as every run leaves one."""
    monkeypatch.chdir(tmp_path)
    leave("report", {"experiment": "tiny"}, [], [write(tmp_path, path, "told") for path in REPORT])
    return tmp_path


def leave(rule, wildcards, inputs, outputs):
    """The record of a job."""
    log = f"results/logs/{rule}/{'/'.join(wildcards.values())}.log"
    told = SimpleNamespace(rule=rule, wildcards=wildcards, input=inputs, output=outputs, log=[log])
    provenance.write(told, JOB)
    return record.record_path(log)


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
    said = json.loads(record.record_path("results/logs/table/tiny.log").read_text())
    assert said["inputs"]["results/data/a.zarr"] == file_digest("results/data/a.zarr/zarr.json")
    assert said["inputs"]["own.csv"] == file_digest("own.csv")
    assert said["outputs"][grown] == {"sha256": file_digest(grown), "bytes": 4}
    assert said["config"] == JOB["config"]
    assert said["begun"] <= said["ended"]
    assert said["code_files"]["workflow/src/earthdim/provenance/record.py"] == file_digest(record.__file__)
    packages = json.loads(record.environment_path(said["environment"]).read_text())
    assert packages["numpy"] == sys.modules["numpy"].__version__
    store = json.loads(record.record_path("results/logs/dataset/a.log").read_text())["outputs"][
        "results/data/a.zarr"
    ]
    assert set(store["files"]) == {"zarr.json", "value/c/0"}


def test_a_job_that_runs_again_replaces_its_record(here, grown):
    path = record.record_path("results/logs/table/tiny.log")
    before = path.read_text()
    write(here, grown, "x\n2\n")
    assert leave("table", {"experiment": "tiny"}, [], [grown]) == path
    assert path.read_text() != before
    assert json.loads(path.read_text())["outputs"][grown]["sha256"] == file_digest(grown)


def test_a_record_of_what_is_not_there_fails(here):
    with pytest.raises(FileNotFoundError):
        leave("table", {"experiment": "tiny"}, [], ["results/tiny/absent.csv"])


WRITE_ARCHIVE = """
import sys
from pathlib import Path
from earthdim.provenance import archive
print("ready", flush=True)
archive._write(Path("a.tar"), "{}", {"own.csv": Path("own.csv"), "endless": Path("endless")})
"""


def test_what_a_killed_archive_leaves_the_next_one_removes(here):
    write(here, "own.csv", "1,2")
    # Nobody writes into it: reading waits for ever.
    os.mkfifo(here / "endless")
    with subprocess.Popen([sys.executable, "-c", WRITE_ARCHIVE], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        end = time.monotonic() + 60
        while not list(here.glob(".a.tar.*")):
            assert time.monotonic() < end
            time.sleep(0.01)
        process.kill()
    assert not (here / "a.tar").exists()
    assert len(list(here.glob(".a.tar.*"))) == 1
    archive._write(here / "a.tar", "{}", {"own.csv": Path("own.csv")})
    assert [path.name for path in here.glob("*a.tar*")] == ["a.tar"]
    with tarfile.open(here / "a.tar") as tar:
        assert tar.getnames() == ["ro-crate-metadata.json", ".snakemake/incomplete", "own.csv"]


def test_an_archive_takes_own_files_and_fetched_weights_and_names_what_lies_outside(here, monkeypatch):
    monkeypatch.chdir(here)
    for path in ("own.csv", "table.zarr/zarr.json", "weights/host/w.pt"):
        write(here, path, "x")
    inside, outside = here / "own.csv", here.parent / "elsewhere.csv"
    fetched = {"source": {"url": "https://host/w.pt"}}
    leaves = {
        "packaged": {"source": {"package": "geoclip", "file": "g.pt"}},
        "fetched": fetched,
        "database": {"source": {"package": "geoclip", "file": "g.pt"}, "database": fetched},
    }
    experiment = {"variants": {name: {"config": {"weights": leaf}} for name, leaf in leaves.items()}}
    files, beside = archive._own(experiment, [str(inside), "table.zarr", str(outside), "../up.csv"])
    assert set(map(str, files)) == {"own.csv", "table.zarr/zarr.json", "weights/host/w.pt"}
    assert beside == ["../up.csv", str(outside)]


def test_the_way_back(grown):
    behind = chain.chain(chain.read(), [grown])
    assert [one.rule for one in behind.records] == ["dataset", "table"]
    assert set(behind.own) == {"own.csv"}
    assert not behind.unrecorded
    record.record_path("results/logs/dataset/a.log").unlink()
    gap = chain.chain(chain.read(), [grown])
    assert gap.unrecorded == {"results/data/a.zarr": "table experiment=tiny"}


def found(targets):
    return {(finding.path, finding.what) for finding in verify.verify("tiny", targets, []).findings}


def test_a_sound_chain_has_no_finding(grown):
    verified = verify.verify("tiny", [grown], [])
    assert (verified.findings, verified.jobs, verified.files) == ([], 3, 5)


def commands(targets):
    """What is found, with the command that mends it where no job does."""
    verified = verify.verify("tiny", targets, ASKED)
    return {(finding.path, finding.what, finding.command) for finding in verified.findings}


def test_a_report_that_is_gone_is_told_with_its_record_or_without(here, grown):
    expected = {(path, "is not there", WRITE_REPORT) for path in REPORT}
    for path in REPORT:
        (here / path).unlink()
    assert commands([grown]) == expected
    record.report_path("tiny").unlink()
    assert commands([grown]) == expected


def test_a_report_without_a_record_is_told(here, grown):
    record.report_path("tiny").unlink()
    assert commands([grown]) == {(path, "has no record of what made it", WRITE_REPORT) for path in REPORT}


def test_a_report_of_other_tables_is_told(here, grown):
    leave("report", {"experiment": "tiny"}, [grown], REPORT)
    assert not found([grown])
    write(here, grown, "x\n2\n")
    leave("table", {"experiment": "tiny"}, ["results/data/a.zarr", "own.csv"], [grown])
    what = f"was made from another version of {grown}"
    assert commands([grown]) == {(path, what, WRITE_REPORT) for path in REPORT}


def test_a_branch_of_other_rows_is_told_and_one_that_is_gone_is_not(here, grown):
    branch = write(here, "results/tiny/branches/b/t.csv", "x\n")
    left = leave("branch_table", {"experiment": "tiny", "branch": "b"}, [grown], [branch])
    assert not found([grown])
    write(here, grown, "x\n2\n")
    leave("table", {"experiment": "tiny"}, ["results/data/a.zarr", "own.csv"], [grown])
    remove = f"rm -r -- {branch} {left}"
    assert commands([grown]) == {(branch, f"was made from another version of {grown}", remove)}
    (here / branch).unlink()
    assert not found([grown])


def test_what_an_altered_record_names_outside_of_the_results_is_not_to_be_removed(here, grown):
    branch = write(here, "results/tiny/branches/b/t.csv", "x\n")
    left = leave("branch_table", {"experiment": "tiny", "branch": "b"}, [grown], [branch])
    said = json.loads(left.read_text())
    said["outputs"] |= {"own.csv": {}, "results/../own.csv": {}}
    left.write_text(json.dumps(said))
    assert commands([grown]) == {(str(left), "was altered", f"rm -r -- {branch} {left}")}


def test_a_record_tells_of_the_files_as_they_are(here, grown):
    path = record.record_path("results/logs/table/tiny.log")
    inputs = [Path("results/data/a.zarr"), Path("own.csv")]
    assert chain.tells(path, [Path(grown)], inputs)
    assert not chain.tells(path, [Path(grown)], inputs[:1])
    write(here, "own.csv", "1,3")
    assert not chain.tells(path, [Path(grown)], inputs)
    write(here, "own.csv", "1,2")
    write(here, grown, "x\n3\n")
    assert not chain.tells(path, [Path(grown)], inputs)
    path.unlink()
    assert not chain.tells(path, [Path(grown)], inputs)


TABLE = "results/tiny/t.csv"
# Values of keys of the table's record that no job writes.
SHAPES = {
    "output is text": {"outputs": {TABLE: "abc"}},
    "output is null": {"outputs": {TABLE: None}},
    "output without a digest": {"outputs": {TABLE: {"bytes": 4}}},
    "output without a size": {"outputs": {TABLE: {"sha256": "0"}}},
    "output's size is text": {"outputs": {TABLE: {"sha256": "0", "bytes": "4"}}},
    "output's files are a list": {"outputs": {TABLE: {"sha256": "0", "files": ["a"]}}},
    "a digest of a file is none": {"outputs": {TABLE: {"sha256": "0", "files": {"a": 1}}}},
    "wildcard is a list": {"wildcards": {"experiment": "tiny", "variant": []}},
    "wildcard is a number": {"wildcards": {"experiment": "tiny", "variant": 1}},
    "variant is elsewhere": {"wildcards": {"experiment": "tiny", "variant": "/"}, "seal": ""},
    "input is a number": {"inputs": {"own.csv": 1}},
    "input is not there": {"inputs": {"results/absent.csv": "0"}, "seal": ""},
    "input is no path": {"inputs": {"\0": "0"}, "seal": ""},
    "environment is a list": {"environment": []},
    "schema is null": {"schema": None},
    "config is a list": {"config": []},
    "code is null": {"code": None},
    "libraries hold a list": {"libraries": {"numpy": []}},
    "code's files are a list": {"code_files": []},
    "state of the code is empty": {"git": {}},
    "state of the code without a reason": {"git": {"commit": None}},
    "machine is empty": {"machine": {}},
    "times are null": {"begun": None, "ended": None},
}


@pytest.mark.parametrize("sealed", [False, True], ids=["altered", "sealed anew"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_record_of_another_shape_is_told_as_altered(grown, shape, sealed):
    path = record.record_path("results/logs/table/tiny.log")
    said = json.loads(path.read_text()) | SHAPES[shape]
    path.write_text(json.dumps(record.sealed(said) if sealed and "seal" not in SHAPES[shape] else said))
    verified = verify.verify("tiny", [grown], ASKED)
    assert {(item.path, item.what, item.again) for item in verified.findings} == {
        (str(path), "was altered", grown)
    }
    assert verify.told(verified, ASKED)
    if sealed and "wildcards" not in SHAPES[shape]:
        # Nor does `trace` fail of it.
        asked = {"table": "", "number": 0, "variant": "v"}
        path.write_text(path.read_text().replace('"experiment": "tiny"', '"variant": "v"'))
        told = trace.told(asked, {"name": "tiny", "variants": {}})
        assert f"NOT SOUND  {path}: was altered" in told


@pytest.mark.parametrize(
    "text",
    ["", "[]", "1", "{}", '{"rule": NaN}', "[" * 100_000, '{"a":' * 100_000, "\udcff", '{"outputs": {}}'],
    ids=range(9),
)
def test_what_is_no_record_at_all_is_told(grown, text):
    path = record.record_path("results/logs/table/tiny.log")
    path.write_bytes(text.encode(errors="surrogateescape"))
    expected = {(str(path), "is no whole record"), (grown, "has no record of what made it")}
    assert found([grown]) == expected
    path.unlink()
    path.mkdir()
    assert found([grown]) == expected
    path.rmdir()
    path.symlink_to("nowhere")
    assert found([grown]) == expected


def test_a_record_that_tells_of_nothing_is_told(grown):
    path = record.record_path("results/logs/table/tiny.log")
    said = json.loads(path.read_text()) | {"outputs": {}}
    path.write_text(json.dumps(record.sealed(said)))
    assert (str(path), "is no whole record") in found([grown])


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", "NaN", '"a"'], ids=range(4))
def test_a_list_of_packages_of_another_shape_is_told(grown, text):
    (path,) = Path("results/records/environments").iterdir()
    path.write_text(text)
    assert found([grown]) == {(str(path), "was altered")}
    path.unlink()
    path.mkdir()
    assert found([grown]) == {(str(path), "is not there")}


def lists(path):
    """The list of packages that a record names."""
    return record.environment_path(json.loads(path.read_text())["environment"])


def test_the_next_job_writes_an_altered_list_of_packages_anew(here, grown):
    path = lists(record.record_path("results/logs/table/tiny.log"))
    before = path.read_text()
    path.write_text('{"numpy": "0"}')
    leave("table", {"experiment": "tiny"}, [], [grown])
    assert path.read_text() == before


def test_of_a_lost_list_of_other_packages_all_jobs_must_run_again(here, monkeypatch):
    paths = [write(here, f"results/tiny/{name}.csv", "x") for name in "ab"]
    with monkeypatch.context() as then:
        then.setattr(environment, "packages", lambda: {"numpy": "1"})
        made = [
            leave(rule, {"experiment": "tiny"}, [], [path]) for rule, path in zip("ab", paths, strict=True)
        ]
    lists(made[0]).unlink()
    again = {finding.again for finding in verify.verify("tiny", paths, ASKED).findings}
    assert again == set(paths)


def test_a_file_of_the_users_own_that_changed_is_told(here, grown):
    write(here, "own.csv", "1,3")
    assert found([grown]) == {(grown, "was made from another version of your own.csv")}


def test_an_input_made_again_with_other_contents_is_told(here, grown):
    write(here, "results/data/a.zarr/zarr.json", '{"b": 1}')
    leave("dataset", {"dataset": "a"}, [], ["results/data/a.zarr"])
    assert found([grown]) == {(grown, "was made from another version of results/data/a.zarr")}


def test_a_record_that_was_altered_or_moved_is_told(here, grown):
    path = record.record_path("results/logs/table/tiny.log")
    text = path.read_text()
    path.write_text(text.replace('"c0de"', '"c0df"'))
    assert found([grown]) == {(str(path), "was altered")}
    said = json.loads(text)
    elsewhere = path.with_name("other.json")
    elsewhere.write_text(text)
    path.unlink()
    assert found([grown]) == {(str(elsewhere), "was altered")}
    elsewhere.write_text(json.dumps(record.sealed(said | {"path": str(elsewhere)})))
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


def test_a_sound_record_counts_before_an_altered_later_one(here):
    graph = write(here, "results/variants/v/neighbours.json", "{}")
    leave("neighbours", {"variant": "v"}, [], [graph])
    leave("neighbours_merge", {"variant": "v"}, [], [graph])
    path = record.record_path("results/logs/neighbours_merge/v.log")
    path.write_text(path.read_text().replace('"neighbours_merge"', '"other"'))
    assert chain.read().of[graph].rule == "neighbours"


def test_the_later_of_two_records_of_one_file_counts(here):
    graph = write(here, "results/variants/v/neighbours.json", "{}")
    leave("neighbours", {"variant": "v"}, [], [graph])
    write(here, graph, "[]")
    leave("neighbours_merge", {"variant": "v"}, [], [graph])
    assert not found([graph])


def test_what_no_job_made_is_told_also_among_the_data(here, grown):
    stray = write(here, "results/data/points/x.csv", "x")
    assert commands([grown]) == {(stray, "has no record of what made it", f"rm -r -- {stray}")}


def test_a_crate_tells_a_machine_before_and_after_an_update_apart(grown):
    record = chain.read().of[grown]
    updated = {**record.said, "machine": record.said["machine"] | {"python": "9.9"}}
    told = ROCrate(version="1.1")
    first, again, later = (
        crate._told(told, one)["additionalProperty"]
        for one in (record, record, chain.Record(record.path, updated, True))
    )
    assert first is again
    assert first.id != later.id
    assert "Python 9.9" in later["value"]
    assert "Python 9.9" not in first["value"]
