"""What made each file: every job's record, `verify` with planted damages and the commands that mend them, `trace`."""

import hashlib
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from earthdim.experiment import resolve
from earthdim.experiment.validation import ConfigError
from earthdim.provenance import chain, trace, verify
from earthdim.storage.files import read_json

pytestmark = pytest.mark.workflow

TINY = ("--config", "experiment=tiny")
ASKED = ["experiment=tiny"]
CSP = "results/variants/csp_amin10_rgb_tiny_s0"
TWIN = "results/variants/csp_amin10_untrained_s0"
ROWS = "results/tiny/variants"
EMBEDDINGS = f"{CSP}/land-500-r0/embeddings"


@pytest.fixture(scope="module")
def sound(finished, tmp_path_factory):
    """A copy of the finished experiment; what a test damages in it, it restores."""
    return finished.copy(tmp_path_factory.mktemp("records") / "project")


@pytest.fixture
def inside(sound, monkeypatch):
    monkeypatch.chdir(sound.folder)
    return sound


def targets():
    folder = Path("results/tiny")
    made = [*folder.glob("tables/*.csv"), *folder.glob("figures/*.png"), folder / "experiment.json"]
    return sorted(map(str, [*made, "results/data/datasets/coastline.zarr"]))


def test_every_job_leaves_a_record(inside):
    jobs = {path.parts[2:] for path in Path("results/logs").rglob("*.log")}
    # They make nothing.
    making = {parts for parts in jobs if parts[0] not in ("verify", "trace", "archive")}
    expected = {Path("results/records", *parts).with_suffix(".json") for parts in making}
    there = {
        path
        for path in Path("results/records").rglob("*.json")
        if path.parts[2] not in ("environments", "report")
    }
    assert there == expected
    assert len(list(Path("results/records/environments").iterdir())) == 1
    for record in chain.read():
        assert record.sound
        assert record.said["code_files"]
        assert record.said["git"] == {"commit": None, "why": "no git"}


def test_the_resolved_experiment_is_at_hand(inside):
    resolved = read_json("results/tiny/experiment.json")
    assert resolved["name"] == "tiny"
    assert resolved["variants"]["csp_amin10_rgb_tiny_s0"]["twin"] == "csp_amin10_untrained_s0"
    assert resolved["datasets"]["land-mask"]["about"]["licence"]
    assert resolved["estimators"]["mle"]["k"] == 20


def test_every_row_of_every_table_leads_to_data(inside):
    records = chain.read()
    variants = read_json("results/tiny/experiment.json")["variants"]
    twins = {name: variant["twin"] for name, variant in variants.items()}
    rows = 0
    for table in sorted(Path("results/tiny/tables").glob("*.csv")):
        for row in trace.read_rows(table):
            behind = trace.behind_row(records, str(table), row, twins)
            assert not behind.unrecorded
            assert not behind.own
            data = [record for record in behind.records if record.rule == "dataset"]
            assert all(record.said["config"]["about"]["licence"] for record in data)
            # An untrained encoder is drawn from its seed; a line about it, and nothing else, is made of no data.
            assert data or (table.stem == "variants" and row["weights"] == "untrained")
            assert behind.records[-1].outputs.keys() & {str(table)} or row.get("dataset")
            of = {record.wildcards["variant"] for record in behind.records if "variant" in record.wildcards}
            if row.get("variant"):
                assert of <= {row["variant"], twins[row["variant"]]}
                assert row["variant"] in of
            rows += 1
    assert rows > 200


def test_only_the_jobs_that_made_a_row_are_behind_it(inside):
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
    behind = trace.behind_row(records, table, row, {row["variant"]: twin})
    of = [record.wildcards["variant"] for record in behind.records if record.rule == "dimension"]
    assert sorted(of) == sorted([row["variant"], twin])


def edit(old, new):
    def change(path):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def last_digit(path):
    """Another last digit in a text."""
    head, digit, tail = re.fullmatch(r"(?s)(.*)(\d)(\D*)", path.read_text()).groups()
    path.write_text(f"{head}{(int(digit) + 1) % 10}{tail}")


def in_each(change):
    return lambda folder: [change(path) for path in folder.iterdir()]


def swap(one, two):
    """Exchange two files or folders, both intact."""

    def change(_):
        aside = Path("aside")
        Path(one).rename(aside)
        Path(two).rename(one)
        aside.rename(two)

    return change


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def put(text):
    return lambda path: path.write_text(text)


def copy_of(other):
    return lambda path: shutil.copyfile(other, path)


CHUNK = f"{EMBEDDINGS}.zarr/embedding/c/0/0"
TWIN_CHUNK = f"{TWIN}/land-500-r0/embeddings.zarr/embedding/c/0/0"
DIMENSION = f"{ROWS}/csp_amin10_rgb_tiny_s0/land-500-r0/dimension.csv"
TWIN_DIMENSION = f"{ROWS}/csp_amin10_untrained_s0/land-500-r0/dimension.csv"
RECORD = "results/records/embed/csp_amin10_rgb_tiny_s0/land-500-r0.json"
MANIFEST = f"{EMBEDDINGS}.json"
ROOT = f"{EMBEDDINGS}.zarr/zarr.json"
ADDED = f"{EMBEDDINGS}.zarr/embedding/c/9/0"
LAND = "results/data/datasets/land-mask.json"
LABELS = "results/data/labels/elevation/task-land-600-r0.zarr"
TABLES = "results/tiny/tables"
RESOLVED = "results/tiny/experiment.json"
REPORT = "results/tiny/report.html"
COSTS = "results/tiny/budget.csv"
REPORT_RECORD = "results/records/report/tiny.json"
UNRECORDED = {f"{EMBEDDINGS}.zarr", MANIFEST}
# What is damaged, how, and which files `verify` must name: that one, unless others are listed.
DAMAGES = {
    "chunk deleted": (CHUNK, remove),
    "chunk altered": (CHUNK, flip),
    "chunk truncated": (CHUNK, halve),
    "chunk of another variant": (CHUNK, copy_of(TWIN_CHUNK)),
    "chunk added": (ADDED, put("1")),
    "attributes of a store edited": (ROOT, edit("csp_", "csq_")),
    "stores of two variants swapped": (
        ".",
        swap(f"{EMBEDDINGS}.zarr", f"{TWIN}/land-500-r0/embeddings.zarr"),
        {CHUNK, TWIN_CHUNK},
    ),
    "store deleted": (f"{EMBEDDINGS}.zarr", remove),
    "manifest of another store": (MANIFEST, copy_of(f"{TWIN}/land-500-r0/embeddings.json")),
    "manifest deleted": (MANIFEST, remove),
    "data set altered": (LAND, edit('"sha256"', '"sha257"')),
    "labels deleted": (LABELS, remove),
    "cell of a table altered": (f"{TABLES}/probe.csv", last_digit),
    "table truncated": (f"{TABLES}/dimension.csv", halve),
    "table deleted": (f"{TABLES}/variants.csv", remove),
    "rows of another variant": (DIMENSION, copy_of(TWIN_DIMENSION)),
    "rows of two variants swapped": (".", swap(DIMENSION, TWIN_DIMENSION), {DIMENSION, TWIN_DIMENSION}),
    "config edited": (f"{CSP}/config.yaml", edit("width: 512", "width: 511")),
    "summary edited": (f"{CSP}/summary.json", last_digit),
    "loss curve deleted": (f"{CSP}/training.csv", remove),
    "byte of a checkpoint altered": (f"{CSP}/checkpoint.safetensors", flip),
    "figure emptied": ("results/tiny/figures/scale.png", put("")),
    "resolved experiment edited": (RESOLVED, edit('"k": 20', '"k": 21')),
    "report altered": (REPORT, flip),
    "report deleted": (REPORT, remove),
    "costs deleted": (COSTS, remove),
    "record of the report altered": (REPORT_RECORD, edit('"rule": "report"', '"rule": "repord"')),
    "record of the report deleted": (REPORT_RECORD, remove, {REPORT, COSTS}),
    "record altered": (RECORD, edit('"rule": "embed"', '"rule": "embod"')),
    "record of another shape": (RECORD, edit('"outputs": {', '"outputs": {"results/x": "abc",')),
    "record truncated": (RECORD, halve, {RECORD, *UNRECORDED}),
    "record deleted": (RECORD, remove, UNRECORDED),
    "record of another job": (RECORD, copy_of(RECORD.replace("rgb_tiny", "untrained")), UNRECORDED),
    "list of packages altered": ("results/records/environments", in_each(edit('"numpy": "', '"numpy": "0'))),
    "file that nobody made": (f"{TABLES}/extra.csv", put("1")),
    "file beside a variant's": (f"{CSP}/land-500-r0/neighbours.csv", put("1")),
}


def state():
    """Everything under results, to be put back."""
    return {path: path.read_bytes() for path in Path("results").rglob("*") if path.is_file()}


def restore(before):
    for path in [path for path in Path("results").rglob("*") if path.is_file() and path not in before]:
        path.unlink()
    for path, content in before.items():
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def test_nothing_is_found_in_a_sound_experiment(inside):
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
        text = verify.told(verified, ASKED)
    finally:
        restore(before)
    found = {finding.path for finding in verified.findings}
    expected = others[0] if others else {path}
    # Nothing is blamed but what was planted; of what is in a folder, its files.
    stems = [name.partition(".zarr")[0] for name in expected]
    assert all(any(name.startswith(stem) for stem in stems) for name in found)
    assert all(any(name.startswith(near) for name in found) for near in expected)
    assert all(f"{name}: " in text for name in found)
    assert commands(text)


def commands(output):
    """The mending commands of a printed finding: of single jobs, and of all at once."""
    found = re.findall(r"^    ((?:envs/run (?:snakemake|python)|rm -r --) .*)$", output, re.MULTILINE)
    return [shlex.split(command) for command in found]


def carry_out(project, command):
    """Do what a person types in the project's root; the environment that envs/run would make is at hand."""
    if command[0] == "envs/run":
        name, *arguments = command[1:]
        project._python(*(["-m", "snakemake"] if name == "snakemake" else []), *arguments)
    else:
        assert command[:3] == ["rm", "-r", "--"]
        for name in command[3:]:
            remove(project.folder / name)


def made(project):
    """Digest of everything but records and reports, which hold times."""
    return {
        name: digest
        for name, digest in project.files().items()
        if not name.startswith("records/")
        and not name.endswith((".snakemake_timestamp", "report.html", "budget.csv"))
    }


def test_the_named_commands_mend_with_the_right_bytes(project):
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
    # A store, rows of a variant and a table; the last command is that of all of them.
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
def test_the_same_command_mends_a_report_without_its_record(project, killed):
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
    """A file where the folder of the record is to be: it cannot be written, as where the disk is full."""
    folder = project.folder / "results/records/report"
    shutil.rmtree(folder)
    folder.touch()
    return "File exists: 'results/records/report'", folder.unlink


@pytest.mark.parametrize("spoil", [spoil_caption, occupy])
def test_a_report_that_cannot_be_written_fails_the_run_and_nothing_else(project, spoil):
    before = made(project)
    why, mend = spoil(project)
    done = project.run(*TINY, "--forcerun", RESOLVED, check=False)
    assert done.returncode == 1
    assert why in done.stdout
    assert done.stdout.count("the report of tiny was not finished") == 1
    assert made(project) == before
    # All jobs are done and known: the next run, by envs/run, has the report to write and nothing else.
    assert "Nothing to be done" in project.run(*TINY).stdout
    again = project._python("workflow/scripts/finish.py", *TINY, check=False)
    assert again.returncode == 1
    assert why in again.stdout
    mend()
    for command in commands(done.stdout):
        carry_out(project, command)
    assert "sound: " in project.run("verify", *TINY).stdout


def test_verify_and_trace_leave_the_report_alone(project):
    report = project.folder / "results/tiny/report.html"
    before = report.stat().st_mtime_ns
    assert "sound: " in project.run("verify", *TINY).stdout
    project.finish("verify", *TINY)
    row = trace.read_rows(project.folder / "results/tiny/tables/dimension.csv")[0]
    told = project.run("trace", *TINY, "row=dimension:1").stdout
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
        assert word in told
    assert "All are what their records say." in told
    edit('"sha256"', '"sha257"')(project.folder / "results/data/datasets/land-mask.json")
    told = project.run("trace", *TINY, "variant=csp_amin10_untrained_s0").stdout
    assert "NOT SOUND  results/data/datasets/land-mask.json: is not what was written" in told
    assert "1 of the files above are NOT what their records say." in told
    assert report.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "trace: say of what: --config row=TABLE:NUMBER"),
        ({"row": "dimension:1", "variant": "csp_amin10_untrained_s0"}, "trace: say of what"),
        ({"row": "dimension"}, "row: 'dimension' is not TABLE:NUMBER"),
        ({"row": 17}, "row: 17 is not TABLE:NUMBER"),
        ({"row": "dimensions:1"}, "row: 'dimensions:1' is not TABLE:NUMBER"),
        ({"row": "../../data:1"}, "row: '../../data:1' is not TABLE:NUMBER"),
        ({"row": "dimension:0"}, "row: 'dimension:0' is not TABLE:NUMBER"),
        ({"row": "dimension:9999"}, "results/tiny/tables/dimension.csv has {rows} rows, not 9999"),
        ({"variant": "csp"}, "variant: 'csp' is none of satclip_l5_rgb_tiny_s0,"),
    ],
)
def test_a_question_that_cannot_be_answered(inside, asked, message):
    experiment = resolve.resolve(Path("config"), "tiny", cache=Path(".snakemake/grid"))
    rows = len(Path("results/tiny/tables/dimension.csv").read_text().splitlines()) - 1
    with pytest.raises(ConfigError, match=re.escape(message.format(rows=rows))):
        trace.question(asked, experiment)


def test_the_command_line_asks_once_and_clearly(sound):
    done = sound.run("trace", *TINY, "row=dimensions:1", check=False)
    assert done.returncode
    assert "row: 'dimensions:1' is not TABLE:NUMBER" in done.stdout
    assert "Traceback" not in done.stdout


def test_records_tell_the_bytes_that_are_there(inside):
    said = json.loads(Path(RECORD).read_text())
    written = said["outputs"][f"{EMBEDDINGS}.zarr"]["files"]
    assert written["embedding/c/0/0"] == hashlib.sha256(Path(CHUNK).read_bytes()).hexdigest()
