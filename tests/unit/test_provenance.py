"""Records: digests, environments, seals, and the chain from a file back to its data."""

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
    """A folder with the report of the experiment `tiny`, as after every run."""
    monkeypatch.chdir(tmp_path)
    leave("report", {"experiment": "tiny"}, [], [write(tmp_path, path, "report") for path in REPORT])
    return tmp_path


def leave(rule, wildcards, inputs, outputs):
    """Write the record of a job."""
    log = f"results/logs/{rule}/{'/'.join(wildcards.values())}.log"
    snakemake = SimpleNamespace(rule=rule, wildcards=wildcards, input=inputs, output=outputs, log=[log])
    provenance.write(snakemake, JOB)
    return record.record_path(log)


@pytest.fixture
def grown(here):
    """A store without inputs, and a table computed from it and from a user-supplied file."""
    write(here, "results/data/a.zarr/zarr.json", "{}")
    write(here, "results/data/a.zarr/value/c/0", "1234")
    write(here, "results/data/a.zarr/.snakemake_timestamp", "")
    write(here, "own.csv", "1,2")
    leave("dataset", {"dataset": "a"}, [], ["results/data/a.zarr"])
    table = write(here, "results/tiny/t.csv", "x\n1\n")
    leave("table", {"experiment": "tiny"}, ["results/data/a.zarr", "own.csv"], [table])
    return table


def test_a_record_holds_inputs_outputs_code_and_packages(grown):
    content = json.loads(record.record_path("results/logs/table/tiny.log").read_text())
    assert content["inputs"]["results/data/a.zarr"] == file_digest("results/data/a.zarr/zarr.json")
    assert content["inputs"]["own.csv"] == file_digest("own.csv")
    assert content["outputs"][grown] == {"sha256": file_digest(grown), "bytes": 4}
    assert content["config"] == JOB["config"]
    assert content["begun"] <= content["ended"]
    assert 0 < content["cost"]["cpu_seconds"] <= sum(os.times()[:4]) + 0.05  # os.times is rounded
    assert content["code_files"]["workflow/src/earthdim/provenance/record.py"] == file_digest(record.__file__)
    packages = json.loads(record.environment_path(content["environment"]).read_text())
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


def test_a_record_of_a_missing_output_fails(here):
    with pytest.raises(FileNotFoundError):
        leave("table", {"experiment": "tiny"}, [], ["results/tiny/absent.csv"])


WRITE_ARCHIVE = """
import sys
from pathlib import Path
from earthdim.provenance import archive
print("ready", flush=True)
archive._write(Path("a.tar"), "{}", {"own.csv": Path("own.csv"), "endless": Path("endless")})
"""


def test_an_archive_removes_the_partial_file_of_a_killed_one(here):
    write(here, "own.csv", "1,2")
    # Reading from a pipe without a writer blocks.
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


def test_an_archive_includes_user_files_and_fetched_weights_and_lists_those_outside(here, monkeypatch):
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
    experiment = {
        "variants": {name: {"config": {"weights": {"build": built}}} for name, built in leaves.items()}
    }
    files, beside = archive._own(experiment, [str(inside), "table.zarr", str(outside), "../up.csv"])
    assert set(map(str, files)) == {"own.csv", "table.zarr/zarr.json", "weights/host/w.pt"}
    assert beside == ["../up.csv", str(outside)]


def test_a_chain_leads_from_a_file_to_its_data(grown):
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
    """Findings, with the command that repairs each if no job does."""
    verified = verify.verify("tiny", targets, ASKED)
    return {(finding.path, finding.what, finding.command) for finding in verified.findings}


def test_a_missing_report_is_reported_with_or_without_its_record(here, grown):
    expected = {(path, "is missing", WRITE_REPORT) for path in REPORT}
    for path in REPORT:
        (here / path).unlink()
    assert commands([grown]) == expected
    record.report_path("tiny").unlink()
    assert commands([grown]) == expected


def test_a_report_without_a_record_is_reported(here, grown):
    record.report_path("tiny").unlink()
    assert commands([grown]) == {(path, "has no record", WRITE_REPORT) for path in REPORT}


def test_a_report_of_other_tables_is_reported(here, grown):
    leave("report", {"experiment": "tiny"}, [grown], REPORT)
    assert not found([grown])
    write(here, grown, "x\n2\n")
    leave("table", {"experiment": "tiny"}, ["results/data/a.zarr", "own.csv"], [grown])
    what = f"was made from another version of {grown}"
    assert commands([grown]) == {(path, what, WRITE_REPORT) for path in REPORT}


def test_a_branch_of_other_rows_is_reported_and_a_deleted_one_is_not(here, grown):
    branch = write(here, "results/tiny/branches/b/t.csv", "x\n")
    left = leave("branch_table", {"experiment": "tiny", "branch": "b"}, [grown], [branch])
    assert not found([grown])
    write(here, grown, "x\n2\n")
    leave("table", {"experiment": "tiny"}, ["results/data/a.zarr", "own.csv"], [grown])
    remove = f"rm -r -- {branch} {left}"
    assert commands([grown]) == {(branch, f"was made from another version of {grown}", remove)}
    (here / branch).unlink()
    assert not found([grown])


def test_no_command_removes_files_outside_the_results(here, grown):
    branch = write(here, "results/tiny/branches/b/t.csv", "x\n")
    left = leave("branch_table", {"experiment": "tiny", "branch": "b"}, [grown], [branch])
    content = json.loads(left.read_text())
    content["outputs"] |= {"own.csv": {}, "results/../own.csv": {}}
    left.write_text(json.dumps(content))
    assert commands([grown]) == {(str(left), "was modified", f"rm -r -- {branch} {left}")}


def test_a_record_describes_files_in_their_present_state(here, grown):
    path = record.record_path("results/logs/table/tiny.log")
    inputs = [Path("results/data/a.zarr"), Path("own.csv")]
    assert chain.describes(path, [Path(grown)], inputs)
    assert not chain.describes(path, [Path(grown)], inputs[:1])
    write(here, "own.csv", "1,3")
    assert not chain.describes(path, [Path(grown)], inputs)
    write(here, "own.csv", "1,2")
    write(here, grown, "x\n3\n")
    assert not chain.describes(path, [Path(grown)], inputs)
    path.unlink()
    assert not chain.describes(path, [Path(grown)], inputs)


TABLE = "results/tiny/t.csv"
# Values in the table's record that no job writes.
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


@pytest.mark.parametrize("sealed", [False, True], ids=["modified", "resealed"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_record_of_another_shape_is_reported_as_modified(grown, shape, sealed):
    path = record.record_path("results/logs/table/tiny.log")
    content = json.loads(path.read_text()) | SHAPES[shape]
    path.write_text(json.dumps(record.sealed(content) if sealed and "seal" not in SHAPES[shape] else content))
    verified = verify.verify("tiny", [grown], ASKED)
    assert {(item.path, item.what, item.again) for item in verified.findings} == {
        (str(path), "was modified", grown)
    }
    assert verify.summary(verified, ASKED)
    if sealed and "wildcards" not in SHAPES[shape]:
        # `trace` reports it as well.
        asked = {"table": "", "number": 0, "variant": "v"}
        path.write_text(path.read_text().replace('"experiment": "tiny"', '"variant": "v"'))
        text = trace.describe(asked, {"name": "tiny", "variants": {}})
        assert f"NOT SOUND  {path}: was modified" in text


@pytest.mark.parametrize(
    "text",
    ["", "[]", "1", "{}", '{"rule": NaN}', "[" * 100_000, '{"a":' * 100_000, "\udcff", '{"outputs": {}}'],
    ids=range(9),
)
def test_an_invalid_record_is_reported(grown, text):
    path = record.record_path("results/logs/table/tiny.log")
    path.write_bytes(text.encode(errors="surrogateescape"))
    expected = {(str(path), "is not a valid record"), (grown, "has no record")}
    assert found([grown]) == expected
    path.unlink()
    path.mkdir()
    assert found([grown]) == expected
    path.rmdir()
    path.symlink_to("nowhere")
    assert found([grown]) == expected


def test_a_record_without_outputs_is_reported(grown):
    path = record.record_path("results/logs/table/tiny.log")
    content = json.loads(path.read_text()) | {"outputs": {}}
    path.write_text(json.dumps(record.sealed(content)))
    assert (str(path), "is not a valid record") in found([grown])


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", "NaN", '"a"'], ids=range(4))
def test_a_damaged_package_list_is_reported(grown, text):
    (path,) = Path("results/records/environments").iterdir()
    path.write_text(text)
    assert found([grown]) == {(str(path), "was modified")}
    path.unlink()
    path.mkdir()
    assert found([grown]) == {(str(path), "is missing")}


def lists(path):
    """Path of the package list of a record."""
    return record.environment_path(json.loads(path.read_text())["environment"])


def test_the_next_job_rewrites_a_modified_package_list(here, grown):
    path = lists(record.record_path("results/logs/table/tiny.log"))
    before = path.read_text()
    path.write_text('{"numpy": "0"}')
    leave("table", {"experiment": "tiny"}, [], [grown])
    assert path.read_text() == before


def test_all_jobs_that_used_a_lost_list_of_other_packages_must_run_again(here, monkeypatch):
    paths = [write(here, f"results/tiny/{name}.csv", "x") for name in "ab"]
    with monkeypatch.context() as then:
        then.setattr(environment, "packages", lambda: {"numpy": "1"})
        made = [
            leave(rule, {"experiment": "tiny"}, [], [path]) for rule, path in zip("ab", paths, strict=True)
        ]
    lists(made[0]).unlink()
    again = {finding.again for finding in verify.verify("tiny", paths, ASKED).findings}
    assert again == set(paths)


def test_a_changed_user_file_is_reported(here, grown):
    write(here, "own.csv", "1,3")
    assert found([grown]) == {(grown, "was made from another version of the user file own.csv")}


def test_an_input_rewritten_with_other_contents_is_reported(here, grown):
    write(here, "results/data/a.zarr/zarr.json", '{"b": 1}')
    leave("dataset", {"dataset": "a"}, [], ["results/data/a.zarr"])
    assert found([grown]) == {(grown, "was made from another version of results/data/a.zarr")}


def test_a_modified_or_moved_record_is_reported(here, grown):
    path = record.record_path("results/logs/table/tiny.log")
    text = path.read_text()
    path.write_text(text.replace('"c0de"', '"c0df"'))
    assert found([grown]) == {(str(path), "was modified")}
    content = json.loads(text)
    elsewhere = path.with_name("other.json")
    elsewhere.write_text(text)
    path.unlink()
    assert found([grown]) == {(str(elsewhere), "was modified")}
    elsewhere.write_text(json.dumps(record.sealed(content | {"path": str(elsewhere)})))
    assert not found([grown])


def test_a_temporary_file_that_a_later_job_deletes_is_not_reported(here, monkeypatch):
    path = write(here, "results/variants/v/candidates-0.json", "{}")
    monkeypatch.setitem(JOB, "schema", {"candidates": 1})
    leave("neighbours_block", {"variant": "v"}, [], [path])
    graph = write(here, "results/variants/v/neighbours.json", "{}")
    monkeypatch.setitem(JOB, "schema", {"neighbours": 1})
    leave("neighbours_merge", {"variant": "v"}, [path], [graph])
    (here / path).unlink()
    assert not found([graph])
    (here / graph).unlink()
    assert found([graph]) == {(graph, "is missing")}


def test_a_sound_record_takes_precedence_over_a_later_modified_one(here):
    graph = write(here, "results/variants/v/neighbours.json", "{}")
    leave("neighbours", {"variant": "v"}, [], [graph])
    leave("neighbours_merge", {"variant": "v"}, [], [graph])
    path = record.record_path("results/logs/neighbours_merge/v.log")
    path.write_text(path.read_text().replace('"neighbours_merge"', '"other"'))
    assert chain.read().of[graph].rule == "neighbours"


def test_the_later_of_two_records_of_one_file_is_used(here):
    graph = write(here, "results/variants/v/neighbours.json", "{}")
    leave("neighbours", {"variant": "v"}, [], [graph])
    write(here, graph, "[]")
    leave("neighbours_merge", {"variant": "v"}, [], [graph])
    assert not found([graph])


def test_a_file_without_a_record_is_reported_in_the_data_folder_too(here, grown):
    stray = write(here, "results/data/points/x.csv", "x")
    assert commands([grown]) == {(stray, "has no record", f"rm -r -- {stray}")}


def test_an_updated_machine_is_another_entity_of_the_crate(grown):
    record = chain.read().of[grown]
    updated = {**record.content, "machine": record.content["machine"] | {"python": "9.9"}}
    described = ROCrate(version="1.1")
    first, again, later = (
        crate._properties(described, one)["additionalProperty"]
        for one in (record, record, chain.Record(record.path, updated, True))
    )
    assert first is again
    assert first.id != later.id
    assert "Python 9.9" in later["value"]
    assert "Python 9.9" not in first["value"]
