"""The record of every job, `verify` with damaged files and the commands that repair them, and `trace`."""

import hashlib
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from damages import (
    CHUNK,
    CSP,
    DAMAGES,
    EMBEDDINGS,
    RECORD,
    REPORT,
    REPORT_RECORD,
    RESOLVED,
    TABLES,
    edit,
    flip,
    halve,
    last_digit,
    remove,
    restore,
    state,
)

from earthdim.experiment import resolve
from earthdim.experiment.validation import ConfigError
from earthdim.provenance import chain, trace, verify
from earthdim.storage.files import read_json

pytestmark = pytest.mark.workflow

TINY = ("--config", "experiment=tiny")
ASKED = ["experiment=tiny"]


@pytest.fixture(scope="module")
def sound(finished, tmp_path_factory):
    """A copy of the finished experiment; each test restores what it damages."""
    return finished.copy(tmp_path_factory.mktemp("records") / "project")


@pytest.fixture
def inside(sound, monkeypatch):
    monkeypatch.chdir(sound.folder)
    return sound


def targets():
    folder = Path("results/tiny")
    made = [*folder.glob("tables/*.csv"), *folder.glob("figures/*.png"), folder / "experiment.json"]
    return sorted(map(str, [*made, "results/data/datasets/coastline.zarr"]))


def test_every_job_writes_a_record(inside):
    jobs = {path.parts[2:] for path in Path("results/logs").rglob("*.log")}
    # These rules have no outputs.
    writing = {parts for parts in jobs if parts[0] not in ("verify", "trace", "archive")}
    expected = {Path("results/records", *parts).with_suffix(".json") for parts in writing}
    there = {
        path
        for path in Path("results/records").rglob("*.json")
        if path.parts[2] not in ("environments", "report")
    }
    assert there == expected
    assert len(list(Path("results/records/environments").iterdir())) == 1
    for record in chain.read():
        assert record.sound
        assert record.content["code_files"]
        assert record.content["git"] == {"commit": None, "why": "no git"}


def test_the_resolved_experiment_is_stored(inside):
    resolved = read_json("results/tiny/experiment.json")
    assert resolved["name"] == "tiny"
    assert resolved["variants"]["csp_amin10_rgb_tiny_s0"]["twin"] == "csp_amin10_untrained_s0"
    assert resolved["datasets"]["land-mask"]["about"]["licence"]
    assert resolved["estimators"]["mle"]["k"] == 20


def test_every_row_of_every_table_leads_to_data(inside):
    records = chain.read()
    variants = read_json("results/tiny/experiment.json")["variants"]
    twins = {name: {"twin_value": variant["twin"]} for name, variant in variants.items()}
    rows = 0
    for table in sorted(Path("results/tiny/tables").glob("*.csv")):
        for row in trace.read_rows(table):
            behind = trace.behind_row(records, str(table), row, twins)
            assert not behind.unrecorded
            assert not behind.own
            data = [record for record in behind.records if record.rule == "dataset"]
            assert all(record.content["config"]["about"]["licence"] for record in data)
            # Only the row that describes an untrained encoder, which depends on its seed alone, has no data.
            assert data or (table.stem == "variants" and row["weights"] == "untrained")
            assert behind.records[-1].outputs.keys() & {str(table)} or row.get("dataset")
            of = {record.wildcards["variant"] for record in behind.records if "variant" in record.wildcards}
            if row.get("variant"):
                assert of <= {row["variant"], twins[row["variant"]]["twin_value"]}
                assert row["variant"] in of
            rows += 1
    assert rows > 200


def test_a_row_depends_only_on_the_jobs_that_computed_it(inside):
    records = chain.read()
    table = "results/tiny/tables/dimension.csv"
    for space, rule in (("embedding", "dimension"), ("activation", "probe")):
        row = next(
            row for row in trace.read_rows(table) if (row["space"], row["weights"]) == (space, "trained")
        )
        behind = trace.behind_row(records, table, row, {})
        assert {record.rule for record in behind.records} & {"dimension", "probe"} == {rule}
    row = next(row for row in trace.read_rows(table) if row["twin_value"])
    twin = row["variant"].replace("rgb_tiny", "untrained")
    behind = trace.behind_row(records, table, row, {row["variant"]: {"twin_value": twin}})
    of = [record.wildcards["variant"] for record in behind.records if record.rule == "dimension"]
    assert sorted(of) == sorted([row["variant"], twin])


def test_a_sound_experiment_has_no_findings(inside):
    verified = verify.verify("tiny", targets(), ASKED)
    assert not verified.findings
    assert verified.jobs == len(list(chain.read()))


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_each_damage_is_found_and_named(inside, damage):
    path, plant, *others = DAMAGES[damage]
    wanted = targets()
    before = state()
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        plant(Path(path))
        verified = verify.verify("tiny", wanted, ASKED)
        text = verify.summary(verified, ASKED)
    finally:
        restore(before)
    found = {finding.path for finding in verified.findings}
    expected = others[0] if others else {path}
    # Only the damaged files are named; for a damaged folder, its files.
    stems = [name.partition(".zarr")[0] for name in expected]
    assert all(any(name.startswith(stem) for stem in stems) for name in found)
    assert all(any(name.startswith(near) for name in found) for near in expected)
    assert all(f"{name}: " in text for name in found)
    assert commands(text)


def commands(output):
    """The repair commands in the printed findings, for single jobs and for all of them."""
    found = re.findall(r"^    ((?:envs/run (?:snakemake|python)|rm -r --) .*)$", output, re.MULTILINE)
    return [shlex.split(command) for command in found]


def carry_out(project, command):
    """Run a printed command in the project's root, with the present environment in place of that of envs/run."""
    if command[0] == "envs/run":
        name, *arguments = command[1:]
        project._python(*(["-m", "snakemake"] if name == "snakemake" else []), *arguments)
    else:
        assert command[:3] == ["rm", "-r", "--"]
        for name in command[3:]:
            remove(project.folder / name)


def made(project):
    """Digests of all files except records and reports, which contain times."""
    return {
        name: digest
        for name, digest in project.files().items()
        if not name.startswith("records/")
        and not name.endswith((".snakemake_timestamp", "report.html", "budget.csv"))
    }


def test_the_printed_commands_restore_the_same_bytes(project):
    before = made(project)
    figure = project.folder / "results/tiny/figures/scale.png"
    figure.write_bytes(b"")
    flip(project.folder / REPORT)
    (project.folder / "results/tiny/tables/extra.csv").write_text("1")
    done = project.run("verify", *TINY, check=False)
    assert done.returncode
    assert "Traceback" not in done.stdout
    assert "not sound: 3 files" in done.stdout
    singly = commands(done.stdout)
    assert len(singly) == 3
    for command in singly:
        carry_out(project, command)
    assert made(project) == before
    # A store, rows of a variant and a table; the last command repairs all of them.
    remove(project.folder / f"{CSP}/region-africa-400-r0/embeddings.zarr/embedding/c/0/0")
    halve(project.folder / "results/records/costly/tiny/csp_amin10_rgb_tiny_s0/land-500-r0.json")
    last_digit(project.folder / f"{TABLES}/scale.csv")
    *_, together = commands(project.run("verify", *TINY, check=False).stdout)
    carry_out(project, together)
    done = project.run("verify", *TINY)
    assert "sound:" in done.stdout
    assert made(project) == before
    assert "Nothing to be done" in project.run(*TINY).stdout


def before_the_record(project):
    """As a kill leaves it after a new report, before its record: that of the report before is still there."""
    report = project.folder / REPORT
    report.write_bytes(report.read_bytes() + b"<!-- later -->")


def no_record(project):
    (project.folder / REPORT_RECORD).unlink()


@pytest.mark.parametrize("killed", [before_the_record, no_record])
def test_the_same_command_repairs_a_report_without_its_record(project, killed):
    killed(project)
    assert "Nothing to be done" in project.run(*TINY).stdout
    project.finish(*TINY)
    assert "sound: " in project.run("verify", *TINY).stdout
    report = project.folder / REPORT
    before = report.stat().st_mtime_ns
    assert project.finish(*TINY).stdout == ""
    assert report.stat().st_mtime_ns == before


def spoil_caption(project):
    file = "workflow/report/workflow.rst"
    text = (project.folder / file).read_text()
    project.write(file, text + "\n{{ nothing(\n")
    return "jinja2.exceptions.TemplateSyntaxError", lambda: project.write(file, text)


def occupy(project):
    """Put a file in place of the record's folder, so that writing the record fails."""
    folder = project.folder / "results/records/report"
    shutil.rmtree(folder)
    folder.touch()
    return "File exists: 'results/records/report'", folder.unlink


@pytest.mark.parametrize("spoil", [spoil_caption, pytest.param(occupy, marks=pytest.mark.thorough)])
def test_a_report_that_cannot_be_written_fails_the_run_and_changes_nothing_else(project, spoil):
    before = made(project)
    why, repair = spoil(project)
    done = project.run(*TINY, "--forcerun", RESOLVED, check=False)
    assert done.returncode == 1
    assert why in done.stdout
    assert done.stdout.count("the report of tiny was not finished") == 1
    assert made(project) == before
    # All jobs are up to date: the next run with envs/run only writes the report.
    assert "Nothing to be done" in project.run(*TINY).stdout
    again = project._python("workflow/scripts/finish.py", *TINY, check=False)
    assert again.returncode == 1
    assert why in again.stdout
    repair()
    for command in commands(done.stdout):
        carry_out(project, command)
    assert "sound: " in project.run("verify", *TINY).stdout


def test_verify_and_trace_leave_the_report_alone(project):
    report = project.folder / "results/tiny/report.html"
    before = report.stat().st_mtime_ns
    assert "sound: " in project.run("verify", *TINY).stdout
    project.finish("verify", *TINY)
    row = trace.read_rows(project.folder / "results/tiny/tables/dimension.csv")[0]
    text = project.run("trace", *TINY, "row=dimension:1").stdout
    for word in (
        row["variant"],
        row["value"],
        "legendre_polys: 5",
        "1. ",
        "licence ",
        "blue-marble",
        "no git",
        f"Python {sys.version_info.major}.{sys.version_info.minor}",
    ):
        assert word in text
    assert "All files match their records." in text
    edit('"sha256"', '"sha257"')(project.folder / "results/data/datasets/land-mask.json")
    text = project.run("trace", *TINY, "variant=csp_amin10_untrained_s0").stdout
    assert "NOT SOUND  results/data/datasets/land-mask.json: differs from its record" in text
    assert "1 of the files above do NOT match their records." in text
    assert report.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "trace: give either --config row=TABLE:NUMBER"),
        ({"row": "dimension:1", "variant": "csp_amin10_untrained_s0"}, "trace: give either"),
        ({"row": "dimension"}, "row: 'dimension' is not TABLE:NUMBER"),
        ({"row": 17}, "row: 17 is not TABLE:NUMBER"),
        ({"row": "dimensions:1"}, "row: 'dimensions:1' is not TABLE:NUMBER"),
        ({"row": "../../data:1"}, "row: '../../data:1' is not TABLE:NUMBER"),
        ({"row": "dimension:0"}, "row: 'dimension:0' is not TABLE:NUMBER"),
        ({"row": "dimension:9999"}, "results/tiny/tables/dimension.csv has {rows} rows, not 9999"),
        ({"variant": "csp"}, "variant: 'csp' is not one of satclip_l5_rgb_tiny_s0,"),
    ],
)
def test_invalid_questions_name_the_key(inside, asked, message):
    experiment = resolve.resolve(Path("config"), "tiny", cache=Path(".snakemake/grid"))
    rows = len(Path("results/tiny/tables/dimension.csv").read_text().splitlines()) - 1
    with pytest.raises(ConfigError, match=re.escape(message.format(rows=rows))):
        trace.question(asked, experiment)


def test_an_invalid_question_fails_without_a_traceback(sound):
    done = sound.run("trace", *TINY, "row=dimensions:1", check=False)
    assert done.returncode
    assert "row: 'dimensions:1' is not TABLE:NUMBER" in done.stdout
    assert "Traceback" not in done.stdout


def test_records_hold_the_digests_of_the_files(inside):
    content = json.loads(Path(RECORD).read_text())
    written = content["outputs"][f"{EMBEDDINGS}.zarr"]["files"]
    assert written["embedding/c/0/0"] == hashlib.sha256(Path(CHUNK).read_bytes()).hexdigest()
