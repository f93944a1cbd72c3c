"""Damages to the results of the experiment `tiny`, and the files that `verify` must name for each."""

import re
import shutil
from pathlib import Path

CSP = "results/variants/csp_amin10_rgb_tiny_s0"
TWIN = "results/variants/csp_amin10_untrained_s0"
ROWS = "results/tiny/variants"
# The folder of the point sets that one job embeds.
JOINT = "land-500-r0+task-land-600-r0"
EMBEDDINGS = f"{CSP}/{JOINT}/land-500-r0/embeddings"
TWIN_EMBEDDINGS = f"{TWIN}/{JOINT}/land-500-r0/embeddings"


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
    """Change the last digit of a text."""
    head, digit, tail = re.fullmatch(r"(?s)(.*)(\d)(\D*)", path.read_text()).groups()
    path.write_text(f"{head}{(int(digit) + 1) % 10}{tail}")


def in_each(change):
    return lambda folder: [change(path) for path in folder.iterdir()]


def swap(one, two):
    """Exchange two intact files or folders."""

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
TWIN_CHUNK = f"{TWIN_EMBEDDINGS}.zarr/embedding/c/0/0"
DIMENSION = f"{ROWS}/csp_amin10_rgb_tiny_s0/land-500-r0/dimension.csv"
TWIN_DIMENSION = f"{ROWS}/csp_amin10_untrained_s0/land-500-r0/dimension.csv"
RECORD = f"results/records/embed/csp_amin10_rgb_tiny_s0/{JOINT}.json"
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
UNRECORDED = {
    f"{CSP}/{JOINT}/{points}/embeddings{suffix}"
    for points in JOINT.split("+")
    for suffix in (".zarr", ".json")
}
# Damaged file, how it is damaged, and the files that `verify` must name if not only that one.
DAMAGES = {
    "chunk deleted": (CHUNK, remove),
    "chunk altered": (CHUNK, flip),
    "chunk truncated": (CHUNK, halve),
    "chunk of another variant": (CHUNK, copy_of(TWIN_CHUNK)),
    "chunk added": (ADDED, put("1")),
    "attributes of a store edited": (ROOT, edit("csp_", "csq_")),
    "stores of two variants swapped": (
        ".",
        swap(f"{EMBEDDINGS}.zarr", f"{TWIN_EMBEDDINGS}.zarr"),
        {CHUNK, TWIN_CHUNK},
    ),
    "store deleted": (f"{EMBEDDINGS}.zarr", remove),
    "manifest of another store": (MANIFEST, copy_of(f"{TWIN_EMBEDDINGS}.json")),
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
    "file without a record": (f"{TABLES}/extra.csv", put("1")),
    "file without a record in a variant's folder": (f"{CSP}/{JOINT}/land-500-r0/neighbours.csv", put("1")),
}


def state():
    """Contents of all files under results."""
    return {path: path.read_bytes() for path in Path("results").rglob("*") if path.is_file()}


def restore(before):
    for path in [path for path in Path("results").rglob("*") if path.is_file() and path not in before]:
        path.unlink()
    for path, content in before.items():
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
