"""Invalid config files, root keys, names and overrides fail before any job starts; the error names the key or file."""

from pathlib import Path

import pytest
from wrong_input import TINY, TREE, refused, whole

# Cases that once ended in a traceback: invalid UTF-8, folders, dangling links, cycles.
FILES = {
    "empty": (whole("split/random.yaml", ""), "split.random: '_target_' is a required property"),
    "only a comment": (whole(TINY, "# nothing\n"), "experiment.tiny: 'title' is a required property"),
    "a list": (whole("head/ridge.yaml", "- a\n"), "config/head/ridge.yaml: holds no keys"),
    "text": (whole("head/ridge.yaml", "hello"), "config/head/ridge.yaml: holds no keys"),
    "broken": (whole("head/ridge.yaml", "a: [1\nb: }"), "config/head/ridge.yaml, line 2: while parsing"),
    "a tab": (whole("head/ridge.yaml", "a:\n\tb: 1\n"), "config/head/ridge.yaml, line 2: while scanning"),
    "binary": (whole("head/ridge.yaml", b"\x00\xff\x80"), "config/head/ridge.yaml: is not UTF-8 text"),
    "latin-1": (whole("head/ridge.yaml", b"# \xe9"), "config/head/ridge.yaml: is not UTF-8 text"),
    "key twice": (
        (TINY, "title:", "title: a\ntitle:"),
        "tiny.yaml, line 3: duplicate key 'title'",
    ),
    "key twice below": (
        ("schedule/tiny.yaml", "seed: 0", "seed: 0\nseed: 1"),
        "config/schedule/tiny.yaml, line 5: duplicate key 'seed'",
    ),
    "python object": (
        whole("head/ridge.yaml", "_target_: !!python/object/apply:os.system ['touch ran']\n"),
        "config/head/ridge.yaml, line 1: the tag tag:yaml.org,2002:python/object/apply:os.system is not allowed",
    ),
    "set": (
        ("schedule/tiny.yaml", "seed: 0", "seed: !!set {a}"),
        "line 4: the tag tag:yaml.org,2002:set is not allowed",
    ),
    "bytes": (
        ("schedule/tiny.yaml", "seed: 0", "seed: !!binary aGk="),
        "the tag tag:yaml.org,2002:binary is not allowed",
    ),
    "two documents": (
        ("schedule/tiny.yaml", "seed: 0", "seed: 0\n---\nseed: 1"),
        "line 5: expected a single document",
    ),
    "defaults to itself": (
        ("modality/rgb.yaml", "sources:", "defaults: [rgb, _self_]\nsources:"),
        "its defaults list is circular: modality/rgb -> modality/rgb",
    ),
    "defaults to nowhere": (
        ("modality/rgb.yaml", "sources:", "defaults: [rgbb, _self_]\nsources:"),
        "In 'modality/rgb': Could not load 'modality/rgbb'",
    ),
    "defaults outside": (
        ("modality/rgb.yaml", "sources:", "defaults: [/../../etc/passwd, _self_]\nsources:"),
        "Could not load '../../etc/passwd'",
    ),
    "interpolation of nothing": (
        ("schedule/tiny.yaml", "seed: 0", "seed: ${a.b}"),
        "config/schedule/tiny.yaml: schedule.seed: ${a.b} refers to a key",
    ),
    "interpolation of itself": (
        ("schedule/tiny.yaml", "seed: 0", "seed: ${.seed}"),
        "config/schedule/tiny.yaml: schedule.seed: ${.seed} refers to a key",
    ),
    "interpolation in a text": (
        ("schedule/tiny.yaml", "seed: 0", "seed: 'x ${ .steps }'"),
        "config/schedule/tiny.yaml: schedule.seed: x ${ .steps } refers to a key",
    ),
    "interpolation in a list": (
        ("schedule/tiny.yaml", "seed: 0", "seed: [1, '${.steps}']"),
        "config/schedule/tiny.yaml: schedule.seed.1: ${.steps} refers to a key",
    ),
    "value left out": (
        ("schedule/tiny.yaml", "seed: 0", "seed: ???"),
        "schedule.seed: '???' is not of type 'integer'",
    ),
    "no package line": (
        ("resolution/l5.yaml", "# @package _global_", "# package"),
        "config/resolution/l5.yaml: must begin with the line '# @package _global_'",
    ),
    "another's package": (
        whole("schedule/tiny.yaml", "# @package _global_\nmath_threads: 5\n"),
        "config/schedule/tiny.yaml: sets 'math_threads', which does not belong to schedule",
    ),
    "another's key": (
        ("resolution/l5.yaml", "model:", "math_threads: 3\nmodel:"),
        "config/resolution/l5.yaml: sets 'math_threads', which does not belong to resolution",
    ),
    "resolution of no encoding": (
        whole("resolution/l5.yaml", "# @package _global_\nmodel: {encoding: {legendre_polys: 5}}\n"),
        "config/resolution/l5.yaml: has no keys of resolution",
    ),
    "resolution of a number": (
        whole("resolution/l5.yaml", "# @package _global_\nresolution: {name: l5, encoding: 5}\n"),
        "config/resolution/l5.yaml: resolution.encoding: 5 is not an encoding or a list of them",
    ),
}


# Silent before: arguments and class of `intervals`, heads of `shown`, 100.0 for 100, ends of lines in names.
ROOT_KEYS = {
    "unknown": (("math_threads: 1", "math_threads: 1\nmath_thread: 2"), "config.math_thread: unknown key"),
    "threads": (
        ("math_threads: 1", "math_threads: true"),
        "config.math_threads: True is not of type 'integer'",
    ),
    "no threads": (("math_threads: 1", "math_threads: 0"), "config.math_threads: 0 is less than the minimum"),
    "too many threads": (
        ("math_threads: 1", "math_threads: 100000"),
        "config.math_threads: 100000 is greater",
    ),
    "no blocks": (("blocks: 4", "blocks: 0"), "config.neighbours.blocks: 0 is less than the minimum"),
    "key of a part": (("draws: 8", "draws: 8\n  drawz: 8"), "config.subsampling.drawz: unknown key"),
    "k with a point": (("k: 100", "k: 100.0"), "config.neighbours.k: 100.0 is not of type 'integer'"),
    "k that is no number": (("k: 100", "k: .nan"), "config.neighbours.k: nan is not a finite number"),
    "device": (
        ("device: cpu # device of", "device: gpu # where"),
        "config.neighbours.device: 'gpu' is not cpu, cuda or cuda:0",
    ),
    "device for training": (("device: cpu", "device: gpu"), "config.pretraining.device: 'gpu' is not one of"),
    "device and a line": (
        ("device: cpu # device of", 'device: "cpu\\n" # where'),
        "is not cpu, cuda or cuda:0",
    ),
    "memory": (
        ("memory_mb: 4", "memory_mb: 4000000000"),
        "config.neighbours.memory_mb: 4000000000 is greater",
    ),
    "class of intervals": (
        ("earthdim.probing.metrics.BlockBootstrap", "os.system"),
        "config.intervals._target_: 'os.system' is not a class of earthdim.probing.metrics",
    ),
    "argument of intervals": (
        ("  level: 0.95", "  lvl: 0.95"),
        "config.intervals.lvl: earthdim.probing.metrics.Block",
    ),
    "intervals lack one": (("  level: 0.95\n", ""), "config.intervals.level: is missing"),
    "level": (("  level: 0.95", "  level: 2"), "config.intervals.level: 2 is greater"),
    "heads": (("MLP: [mlp]", "MLP: [mpl]"), "config.shown.kinds.MLP: there is no head 'mpl'"),
    "head twice": (
        ("MLP: [mlp]", "MLP: [mlp, ridge]"),
        "shown.kinds.MLP: 'ridge' is already listed under linear",
    ),
}


@pytest.mark.parametrize("case", FILES, ids=str)
def test_a_file_of_config(resolve, case):
    edit, message = FILES[case]
    refused(resolve, message, [edit])
    assert not Path("ran").exists()


@pytest.mark.parametrize("case", ROOT_KEYS, ids=str)
def test_the_root_of_config(resolve, case):
    edit, message = ROOT_KEYS[case]
    refused(resolve, message, [("config.yaml", *edit)])


@pytest.mark.parametrize(
    "name", ["Tiny", "my exp", "tiny@12345678", "-tiny", ".tiny", "a{b}", "tiñy", "a_b", "x" * 200]
)
def test_an_experiment_name_that_is_not_a_folder_name(resolve, name):
    refused(resolve, "is not a valid folder name", [whole(f"experiment/{name}.yaml", TREE)], name)


@pytest.mark.parametrize("name", ["archives", "benchmarks", "data", "logs", "records", "variants"])
def test_an_experiment_named_like_a_shared_folder(resolve, name):
    refused(resolve, f"results/{name} is shared", [whole(f"experiment/{name}.yaml", TREE)], name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.mkdir, "config/head/x.yaml: cannot be read (Is a directory)"),
        (lambda path: path.symlink_to("/nowhere"), "config/head/x.yaml: cannot be read (No such file"),
    ],
)
def test_an_unreadable_file(resolve, make, message):
    make(Path("config/head/x.yaml"))
    refused(resolve, message, [])


def test_circular_defaults_lists(resolve):
    cycle = [("elevation", "rgb"), ("rgb", "elevation")]
    edits = [(f"modality/{a}.yaml", "sources:", f"defaults: [{b}, _self_]\nsources:") for a, b in cycle]
    refused(resolve, "is circular: modality/rgb -> modality/elevation -> modality/rgb", edits)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("statistics.draws=-4", "statistics.draws: -4 is less than the minimum"),
        ("head.mlp.warmup=1.5", "head.mlp.warmup: 1.5 is greater"),
        ("model.network._target_=os.system", "model.network._target_: 'os.system' is not a class of"),
        (
            "schedule.regions=0 schedule.locations=512",
            "modality.sources.rgb.fit_locations: 2000 are more than the 1536",
        ),
    ],
)
def test_an_override(resolve, override, message):
    refused(resolve, message, [], overrides=override.split())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("split.blocks.folds=7.5", "split.blocks.folds is 5 in its leaf, and 7.5 is not a whole number"),
        ("split.blocks.folds=true", "split.blocks.folds is 5 in its leaf, and True is not a whole number"),
        ("split.blocks.folds=null", "split.blocks.folds is 5 in its leaf, and None is not a whole number"),
        ("split.blocks.degrees=false", "split.blocks.degrees is 15 in its leaf, and False is not a number"),
        ("split.blocks.degrees=wide", "split.blocks.degrees is 15 in its leaf, and 'wide' is not a number"),
        ("split.blocks.degrees=-7.5", "split.blocks.degrees: -7.5 is less than or equal"),
        ("head.mlp.hidden=[64.5]", "head.mlp.hidden is "),
        ("schedule.steps=2.5", "schedule.steps: 2.5 is not of type 'integer'"),
        ("sample.n=null", "sample.n: None is not of type"),
    ],
)
def test_an_override_of_another_type(resolve, override, message):
    refused(resolve, message, [], overrides=[override])
