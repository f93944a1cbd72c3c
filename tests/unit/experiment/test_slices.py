"""Slices: the keys of each job, and which jobs a change of one setting reruns."""

import os
import re
from dataclasses import replace

import pytest
from places import CONFIG, ROOT

from earthdim.experiment import resolve as planner
from earthdim.experiment import slices
from earthdim.storage import file_digests

MAKER = "earthdim.analysis.tables.{}"
ENCODER = {"model", "seed", "weights"}
# Rule -> keys of its configuration, kinds of artefacts, libraries. Values that are leaves are named by their variable.
PINNED = {
    "features": ({"name", "source"}, ["features"], ["numpy", "torch"]),
    "labels": ({"everywhere", "task"}, ["labels"], ["numpy", "xarray"]),
    "sources": ({"datasets"}, ["tables"], ["pandas"]),
    "fetch": ({"weights"}, [], []),
    "pretrain": ({*ENCODER, "features", "modality", "schedule"}, ["checkpoint"], ["torch"]),
    "embed": (ENCODER, ["embeddings"], ["onnxruntime", "pyarrow", "pyshtools", "torch"]),
    "neighbours_block": ({"blocks", "device", "k", "memory_mb"}, ["candidates"], ["numba", "numpy"]),
    "neighbours_merge": ({"blocks", "k"}, ["neighbours"], ["numba", "numpy"]),
    "dimension": (
        {"estimators", "local_estimator", "neighbours", "replicate", "subsampling"},
        ["dimension", "local_dimension", "neighbours"],
        ["numba", "numpy", "scikit-dimension", "scipy"],
    ),
    "scale": (
        {"estimators", "k", "sizes", "subsampling", "support"},
        ["scale"],
        ["numba", "numpy", "scikit-dimension", "scipy"],
    ),
    "costly": (
        {"estimators", "n", "replicate"},
        ["costly"],
        ["numba", "numpy", "scikit-dimension", "scipy"],
    ),
    "jacobian": ({"encoder", "n"}, ["jacobian"], ["torch"]),
    "probe": (
        {"activation_estimator", "everywhere", "heads", "intervals", "replicate", "seed", "splits", "tasks"},
        ["probe"],
        ["numpy", "scikit-dimension", "scikit-learn", "torch"],
    ),
    "table": ({"_target_", "arguments", "published"}, ["tables"], ["pandas"]),
    "figure": ({"_target_", "caption", "facts", "options", "published"}, [], ["matplotlib", "pandas"]),
    "resolved": ({"experiment"}, [], []),
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("grid")


@pytest.fixture(scope="module")
def tiny(cache):
    return planner.resolve(CONFIG, "tiny", cache=cache)


def all_slices(experiment):
    """Name of a rule and its arguments -> the slice, for every rule of the experiment."""
    trained = [name for name, variant in experiment.variants.items() if variant.kind == "trained"]
    arguments = {
        "dataset": [[name] for name in experiment.datasets],
        "points": [[name] for name in experiment.points],
        "features": [[name] for name in experiment.features],
        "labels": [[name, experiment.task_points] for name in experiment.tasks],
        "pretrain": [[name] for name in experiment.variants],
        "embed": [[name] for name in experiment.variants],
        "dimension": [[name] for name in experiment.sample_points],
        "scale": [[name] for name in experiment.scale["sizes"]],
        "costly": [experiment.sample_points[:1]],
        "jacobian": [trained[:1]],
        "probe": [[name] for name in experiment.variants],
        "figure": [[name] for name in experiment.settings["figures"]],
    }
    single = (
        "sources",
        "fetch",
        "neighbours_block",
        "neighbours_merge",
        "correlate",
        "resolved",
    )
    arguments |= {rule: [[]] for rule in single}
    found = {
        (rule, *at): getattr(slices, rule)(experiment, *at)
        for rule, several in arguments.items()
        for at in several
    }
    for name, takes in {
        "variants": ["facts"],
        "left_out": ["statistics"],
        "probe": ["facts", "tasks"],
    }.items():
        made = slices.table(experiment, MAKER.format(f"{name}_table"), takes, experiment.variants.values())
        found["table", name] = made
    return found


def values(experiment):
    return {job: part.value(experiment.math_threads, "code") for job, part in all_slices(experiment).items()}


def changed(before, after):
    """The jobs whose parameters differ between two experiments, apart from the file of the whole experiment."""
    old, new = values(before), values(after)
    assert old.keys() == new.keys()
    return {job for job in old if old[job] != new[job] and job != ("resolved",)}


def test_the_keys_of_every_slice(tiny):
    found = values(tiny)
    for (rule, *at), value in found.items():
        assert set(value) == {"config", "code", "schema", "libraries"}
        if rule in PINNED:
            keys, kinds, libraries = PINNED[rule]
            if rule == "pretrain" and "untrained" in at[0]:
                keys = keys - {"modality", "schedule"}
            assert set(value["config"]) == {*keys, "math_threads"}
            # Tables and correlations also depend on the columns by which they group rows.
            grouped = {"keys"} if "tables" in kinds else set()
            assert list(value["schema"]) == sorted({*kinds, *grouped})
            assert list(value["libraries"]) == libraries
    rules = {rule for rule, *_ in found}
    assert rules - set(PINNED) == {"dataset", "points", "correlate"}


def test_leaves_are_included_unchanged(tiny):
    found = values(tiny)
    for name, leaf in tiny.datasets.items():
        assert found["dataset", name]["config"] == {**leaf, "math_threads": 1}
    for name, leaf in tiny.points.items():
        assert found["points", name]["config"] == {**leaf, "math_threads": 1}
    assert found["correlate",]["config"] == {**tiny.statistics, "math_threads": 1}


def test_every_rule_with_a_script_has_a_slice(tiny):
    rules = {rule for rule, *_ in all_slices(tiny)}
    text = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    assert set(re.findall(r"job=job\(slices\.(\w+)", text)) == rules - {"table"}
    for (rule, *_), part in all_slices(tiny).items():
        assert (ROOT / "workflow" / "scripts" / part.script).is_file(), rule


def under(*rules):
    return lambda jobs: {job for job in jobs if job[0] in rules}


PRETRAINED = ("satclip_l5_rgb_tiny_s0", "satclip_l10_rgb_tiny_s0", "csp_amin10_rgb_tiny_s0")


@pytest.mark.parametrize(
    ("part", "key", "value", "expected"),
    [
        ("neighbours", "k", 90, under("dimension", "neighbours_block", "neighbours_merge")),
        ("neighbours", "memory_mb", 8, under("dimension", "neighbours_block")),
        ("neighbours", "device", "cuda", under("dimension", "neighbours_block")),
        ("neighbours", "blocks", 3, under("neighbours_block", "neighbours_merge")),
        ("neighbours", "blocks_from", 70_000, under()),
        ("subsampling", "seed", 1, under("dimension", "scale")),
        ("subsampling", "up_to", 450, lambda _: {("dimension", "land-500-r0"), ("scale", "land-500-r0")}),
        ("subsampling", "up_to", 30_000, under()),
        ("intervals", "draws", 10, under("probe")),
        ("pretraining", "device", "cuda", lambda _: {("pretrain", name) for name in PRETRAINED}),
        ("costly", "n", 300, under("costly")),
        ("jacobian", "n", 300, under("jacobian")),
        ("scale", "sizes", {"land-500-r0": [100], "region-africa-400-r0": [400]}, lambda _: {("scale", "land-500-r0")}),
        ("statistics", "gate", "report", lambda _: {("correlate",), ("table", "left_out")}),
        ("statistics", "min_cells", 5, lambda _: {("correlate",), ("table", "left_out")}),
        (
            "shown",
            "optimistic_split",
            "blocks",
            lambda _: {("figure", "gap")},
        ),
    ],
)  # fmt: skip
def test_a_setting_changes_the_slices_that_depend_on_it(tiny, part, key, value, expected):
    after = replace(tiny, **{part: {**getattr(tiny, part), key: value}})
    assert changed(tiny, after) == expected(all_slices(tiny))


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("head.mlp.steps=10", lambda jobs: {job for job in under("probe")(jobs) if "untrained" not in job[1]}),
        ("split.blocks.folds=4", lambda jobs: under("probe", "figure")(jobs)),
        # TwoNN is the estimator of activations too.
        ("estimator.twonn.build.discard_fraction=0.2", under("dimension", "probe")),
        ("estimator.ess.build.d=2", under("costly")),
    ],
)  # fmt: skip
def test_an_override_changes_the_slices_that_depend_on_it(tiny, cache, override, expected):
    after = planner.resolve(CONFIG, "tiny", [override], cache)
    found = changed(tiny, after)
    assert found == expected(all_slices(tiny))


@pytest.mark.parametrize(
    ("part", "rules"),
    [("schedule", {"pretrain"}), ("modality", {"pretrain"}), ("model", {"pretrain", "embed", "jacobian"})],
)
def test_embeddings_depend_on_the_encoder_and_not_on_its_training(tiny, part, rules):
    name = PRETRAINED[0]
    variant = tiny.variants[name]
    config = {**variant.config, part: {**variant.config[part], "another": 1}}
    after = replace(tiny, variants={**tiny.variants, name: replace(variant, config=config)})
    assert changed(tiny, after) == {(rule, name) for rule in rules}


def test_math_threads_are_part_of_every_slice(tiny):
    after = replace(tiny, math_threads=2)
    assert changed(tiny, after) == set(all_slices(tiny)) - {("resolved",)}


@pytest.mark.parametrize("key", ["about", "counted", "sources", "resolution"])
def test_descriptions_of_weights_rerun_no_encoder(tiny, key):
    name = next(iter(tiny.variants))
    variant = tiny.variants[name]
    config = {**variant.config, "weights": {**variant.config["weights"], key: ["another"]}}
    after = replace(tiny, variants={**tiny.variants, name: replace(variant, config=config)})
    assert changed(tiny, after) <= under("table")(all_slices(tiny))


@pytest.mark.parametrize("use", [{"leaked_by": ["another"]}, {"set": "selection"}])
def test_uses_of_a_task_change_the_probe_table_alone(tiny, use):
    task = {**tiny.tasks["elevation"], **use}
    after = replace(tiny, tasks={**tiny.tasks, "elevation": task})
    assert changed(tiny, after) == {("table", "probe")}


def test_the_resolved_experiment_is_whole_and_builds_nothing(tiny):
    part = slices.resolved(tiny)
    assert part.targets == ()
    assert set(part.value(1, "code")["config"]["experiment"]) == set(vars(tiny))
    assert slices.probe(tiny, PRETRAINED[0]).targets


def test_content_of_user_supplied_files_counts_and_times_do_not(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "made.tif").write_text("made")
    leaf = tiny.datasets["land-mask"]
    leaves = {
        name: {**leaf, "build": {**leaf["build"], "path": path}}
        for name, path in (("mine", "mine.tif"), ("made", "results/made.tif"))
    }
    with_file = replace(tiny, datasets=leaves)

    def value(name):
        monkeypatch.setattr(file_digests, "USERS", file_digests.Checksums())
        return slices.dataset(with_file, name).value(1, "code")

    (tmp_path / "mine.tif").write_text("one")
    first = value("mine")
    os.utime("mine.tif", (1, 1))
    assert value("mine") == first
    (tmp_path / "mine.tif").write_text("two")
    assert value("mine") == {**first, "own": value("mine")["own"]} != first
    # The workflow tracks its own results.
    assert "own" not in value("made")


def test_records_hold_what_a_suggested_command_needs(tiny):
    part = slices.records("trace.py", tiny, ["results/a.csv"], ["experiment=tiny"], question={"table": "a"})
    assert part.script == "trace.py"
    assert part.config == {
        "experiment": "tiny",
        "targets": ["results/a.csv"],
        "asked": ["experiment=tiny"],
        "question": {"table": "a"},
    }
