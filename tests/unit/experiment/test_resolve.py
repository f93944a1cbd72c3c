import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from earthdim.experiment import queries
from earthdim.experiment import resolve as grid
from earthdim.experiment.model import twins
from earthdim.experiment.validation import ConfigError

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config"
EXPERIMENTS = [path.stem for path in sorted((CONFIG / "experiment").glob("*.yaml"))]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("grid")


@pytest.fixture(scope="module")
def default(cache):
    return grid.resolve(CONFIG, "miniature", cache=cache)


@pytest.fixture(scope="module")
def table1(cache):
    return grid.resolve(CONFIG, "table1", cache=cache)


def resolve(cache, *overrides, experiment="miniature"):
    return grid.resolve(CONFIG, experiment, overrides, cache)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_resolves(experiment, cache):
    assert resolve(cache, experiment=experiment).variants


def test_names_are_the_tokens_of_the_axes(default):
    assert {"satclip_l10_rgb_short_s0", "satclip_l10_untrained_s0", "geoclip_released"} <= set(
        default.variants
    )
    assert default.sample_points == ("land-10000-r0",)
    assert default.task_points == "task-land-5000-r0"


def test_the_grid_covers_the_axes_of_the_paper(default):
    trained = [variant for variant in default.variants.values() if variant.kind == "trained"]
    for family in ("satclip", "geoclip", "csp"):
        levels = {v.axes["resolution"] for v in trained if v.config["model"]["family"] == family}
        assert len(levels) >= 4
    modalities = {(v.axes["resolution"], v.axes["modality"]) for v in trained if v.axes["model"] == "satclip"}
    for level in ("l10", "l20"):
        assert {(level, m) for m in ("rgb", "rgb-elevation", "rgb-elevation-climate")} <= modalities


def test_every_trained_variant_has_its_twin_and_modalities_share_one(default):
    for variant in default.variants.values():
        if variant.kind == "trained":
            twin = default.variants[variant.twin]
            assert twin.kind == "untrained"
            assert twin.config["model"] == variant.config["model"]
            assert twin.axes["seed"] == variant.axes["seed"]
        else:
            assert variant.twin == ""
    untrained = [variant.axes for variant in default.variants.values() if variant.kind == "untrained"]
    cells = {(axes["model"], axes["resolution"], axes["seed"]) for axes in untrained}
    assert len(cells) == len(untrained)
    assert all(axes["modality"] == axes["schedule"] == "" for axes in untrained)


def test_the_first_of_two_equal_twins_is_used_regardless_of_names(default):
    variants = list(default.variants.values())
    again = [replace(v, name=f"{v.name}-again") for v in variants if v.kind == "untrained"]
    assert twins([*variants, *again]) == {v.name: v.twin for v in variants if v.twin}


def test_branches_follow_the_experiment(default):
    modality = {variant.name for variant in default.branch("modality")}
    assert "satclip_l10_rgb-elevation_short_s1" in modality
    assert "satclip_l5_rgb_short_s0" not in modality
    of_several = default.variants["satclip_l10_rgb_short_s0"].branches
    assert of_several == ("satclip-resolution", "modality", "smooth")


def test_the_cache_does_not_change_the_result_or_its_order(cache):
    first = grid.resolve(CONFIG, "miniature", cache=cache / "new")
    second = grid.resolve(CONFIG, "miniature", cache=cache / "new")
    assert list(first.variants) == list(second.variants)
    assert [repr(item) for item in first.variants.values()] == [
        repr(item) for item in second.variants.values()
    ]
    assert repr(first.tasks) == repr(second.tasks)


def test_an_edited_leaf_is_recomposed(tmp_path, cache):
    folder = tmp_path / "config"
    shutil.copytree(CONFIG, folder)
    before = grid.resolve(folder, "tiny", cache=tmp_path / "cache")
    leaf = folder / "resolution" / "l10.yaml"
    leaf.write_text(leaf.read_text().replace("legendre_polys: 10", "legendre_polys: 11"))
    after = grid.resolve(folder, "tiny", cache=tmp_path / "cache")
    polys = [
        e.variants["satclip_l10_rgb_tiny_s0"].config["model"]["encoding"]["legendre_polys"]
        for e in (before, after)
    ]
    assert polys == [10, 11]


class TestOverrides:
    def test_overrides_rename_only_what_they_change(self, default, cache):
        changed = resolve(cache, "schedule.steps=700")
        assert changed.name.startswith("miniature@")
        for name in changed.variants:
            base = name.partition("@")[0]
            assert ("@" in name) == (default.variants[base].kind == "trained")
        assert changed.sample_points == default.sample_points
        assert changed.features == default.features

    def test_points(self, cache):
        changed = resolve(cache, "sample.n=2000")
        (name,) = changed.sample_points
        assert name.startswith("land-2000-r0@")
        assert changed.points[name]["n"] == 2000
        assert all("@" not in variant for variant in changed.variants)

    def test_overriding_a_source_renames_its_features_and_variants(self, cache):
        changed = resolve(cache, "modality.sources.elevation.pixels=6")
        assert {name.partition("-")[0] for name in changed.features if "@" in name} == {"elevation"}
        renamed = {name for name in changed.variants if "@" in name}
        assert renamed
        assert all("elevation" in name for name in renamed)

    def test_an_override_with_the_present_value_renames_nothing(self, default, cache):
        assert resolve(cache, "sample.n=10000") == default

    @pytest.mark.parametrize(
        ("override", "find", "value"),
        [
            ("split.blocks.degrees=7.5", lambda found: found.splits["blocks"]["degrees"], 7.5),
            ("split.blocks.buffer_km=12.5", lambda found: found.splits["blocks"]["buffer_km"], 12.5),
            ("split.blocks.folds=4e0", lambda found: found.splits["blocks"]["folds"], 4),
            ("sample.n=1e3", lambda found: found.points[found.sample_points[0]]["n"], 1000),
            ("head.mlp.hidden=[1e2]", lambda found: found.heads["mlp"]["hidden"], [100]),
            ("statistics.draws=1e3", lambda found: found.statistics["draws"], 1000),
        ],
    )
    def test_the_annotation_of_the_target_decides_the_type(self, cache, override, find, value):
        found = find(resolve(cache, override))
        assert repr(found) == repr(value)

    @pytest.mark.parametrize(
        "overrides",
        [
            ("split.blocks.degrees=7.5", "split.blocks.degrees=7.50"),
            ("split.blocks.degrees=8", "split.blocks.degrees=8.0"),
            ("head.ridge.penalties=[1, 1e-1]", "head.ridge.penalties=[1.0, 0.1]"),
            ("sample.n=2000", "sample.n=2e3"),
            ("model.network.w0=2", "model.network.w0=2.0"),
        ],
    )
    def test_equal_values_in_other_notations_give_the_same_name(self, cache, overrides):
        one, other = (resolve(cache, override) for override in overrides)
        assert one.name == other.name != "miniature"
        assert repr(one) == repr(other)

    @pytest.mark.parametrize("override", ["split.blocks.degrees=15.0", "sample.n=1e4", "model.network.w0=1"])
    def test_the_present_value_in_another_notation_changes_nothing(self, default, cache, override):
        assert repr(resolve(cache, override)) == repr(default)

    def test_overriding_an_estimator_renames_only_the_experiment(self, default, cache):
        changed = resolve(cache, "estimator.mle.k=10")
        assert changed.estimators["mle"]["k"] == 10
        assert changed.name != "miniature"
        assert changed.variants == default.variants

    def test_the_same_overrides_give_the_same_names(self, cache):
        assert resolve(cache, "sample.n=2000").name == resolve(cache, "sample.n=2000").name
        assert resolve(cache, "sample.n=2000").name != resolve(cache, "sample.n=2001").name

    def test_replicates_are_separate_point_sets(self, cache):
        changed = resolve(cache, "sample.replicates=3")
        assert [name.partition("@")[0] for name in changed.sample_points] == [
            f"land-10000-r{r}" for r in range(3)
        ]
        # The first replicate is the very draw that the plain experiment reads.
        assert changed.sample_points[0] == "land-10000-r0"

    @pytest.mark.parametrize(
        ("override", "message"),
        [
            ("sample.n=-5", "sample.n: -5 is less than the minimum"),
            ("sample.n=many", "sample.n is 10000 in its leaf"),
            ("schedule.stepz=5", "has the key schedule.stepz"),
            ("schedule", "not key=value"),
            ("", "'' is not key=value"),
            ("+schedule.new=5", "only key=value"),
            ("~schedule.steps", "only key=value"),
            ("schedule.steps=1,2", "only key=value"),
            ("pretrain.epochs=5", "first key is none of"),
            ("experiment=smoke", "--config experiment=smoke"),
            ("dataset.cities.smallest=500", "dataset is shared by all"),
            ("task.elevation.method=nearest", "task is shared by all"),
            ("estimator.mle.k=101", "estimator.mle.k: 101 is above neighbours.k"),
            ("math_threads=2", "math_threads is shared by all"),
            ("neighbours.blocks=2", "neighbours is shared by all"),
            ("subsampling.draws=2", "subsampling is shared by all"),
            ("shown.head=ridge", "shown is shared by all"),
            ("weights.kind=trained", "weights is shared by all"),
            ("model.optimiser.lr=nan", "not finite"),
            ("schedule.batch=300", "not a multiple of batch 300"),
            ("schedule.warmup_steps=600", "not below steps 600"),
            ("sample.n=1000.5", "sample.n: 1000.5 is not of type"),
            ("sample.n=101", "sample.n: 101 points are too few"),
            ("experiment.local_estimator=fishers", "local_estimator"),
            ("experiment.estimators=[twonn]", "local_estimator"),
            ("experiment.activation_estimator=fishers", "activation_estimator"),
            ("experiment.branches.released.model=[satclip]", "belongs to geoclip, not to satclip"),
            ("model.network.w0=abc", "model.network.w0 is 1.0 in its leaf"),
            ("estimator.mle.k=5", "estimators: mle and mle-k5 would both appear in tables as mle, k = 5"),
            (
                "experiment.scale.supports=[land]",
                "scale.supports: 'land' is listed twice",
            ),
            ("experiment.scale.estimators=[grid]", "scale.estimators: there is no estimator 'grid'"),
            ("experiment.costly.branches=[rough]", "costly.branches: 'rough' is not a branch"),
            ("experiment.jacobian.n=10001", "jacobian.n: 10001 is above the n = 10000"),
            (
                "experiment.datasets=[]",
                "experiment.miniature.figures: 'local_maps' needs the data set coastline",
            ),
            (
                "experiment.splits=[random]",
                "shown.split: 'blocks', which the figure 'performance' shows, is none of",
            ),
            (
                "experiment.estimators=[mle]",
                "shown.estimator: 'fishers', which the figure 'performance' shows",
            ),
        ],
    )
    def test_invalid_overrides_are_named(self, cache, override, message):
        with pytest.raises(ConfigError) as caught:
            resolve(cache, override)
        assert message in str(caught.value)


def test_the_error_for_an_unknown_leaf_lists_the_known_ones(cache):
    with pytest.raises(
        ConfigError,
        match=r"experiment: there is no experiment 'nope'; config/experiment has controls, default, ",
    ):
        grid.resolve(CONFIG, "nope", cache=cache)


@pytest.mark.parametrize("name", ["../model/satclip", "/etc/passwd", "", 5, None])
def test_leaves_are_searched_in_their_group_only(cache, name):
    with pytest.raises(ConfigError, match="there is no experiment"):
        grid.resolve(CONFIG, name, cache=cache)


def test_one_of_matches_complete_names_only():
    pattern = re.compile(queries.one_of(["a.b", "a"]))
    assert [bool(pattern.fullmatch(text)) for text in ("a.b", "a", "axb", "ab")] == [True, True, False, False]
    assert re.compile(queries.one_of([])).fullmatch("") is None


def test_one_variant_stands_for_each_resolution(default):
    shown = queries.one_per_resolution(default)
    assert "geoclip_released" in shown
    assert all(name.endswith("_s0") for name in shown if name != "geoclip_released")
    assert len({tuple(v for a, v in default.variants[n].axes.items() if a != "seed") for n in shown}) == len(
        shown
    )


def test_overrides_must_be_a_list(cache):
    with pytest.raises(ConfigError, match="overrides: 5 is not a list"):
        grid.resolve(CONFIG, "miniature", 5, cache)


class TestDimensionAlone:
    """An experiment without tasks, such as table1."""

    def test_an_experiment_without_tasks_has_no_probes(self, table1):
        assert table1.task_points == ""
        assert table1.tasks == table1.splits == table1.heads == table1.statistics == {}
        assert set(table1.datasets) == {"land-mask", "coastline"}
        assert queries.tables(table1) == [
            "datasets", "variants", "dimension", "left_out", "missing", "draws", "table1",
        ]  # fmt: skip

    def test_table1_has_the_setting_of_the_paper(self, table1):
        assert table1.sample_points == tuple(f"land-100000-r{replicate}" for replicate in range(3))
        assert {table1.estimators[name]["k"] for name in ("mle-k10", "mle", "mle-k100")} == {10, 20, 100}
        assert table1.settings["local_estimator"] == "mle-k100"

    def test_its_graphs_are_searched_in_blocks(self, table1, default):
        assert set(queries.searched_in_blocks(table1)) == set(table1.sample_points)
        assert not set(default.sample_points) & set(queries.searched_in_blocks(default))
        for experiment in (table1, default):
            parts = queries.searched_in_blocks(experiment), queries.searched_at_once(experiment)
            assert sorted([*parts[0], *parts[1]]) == sorted(experiment.points)

    def test_every_name_in_its_paths_is_known(self, table1):
        assert {"table1", "geoclip_released", "land-100000-r2", "draws", "0", "3"} <= queries.all_names(
            table1
        )

    @pytest.mark.parametrize(
        ("figure", "need"),
        [
            *[(name, "tasks") for name in ("performance", "activation", "heads", "gap")],
            *[(name, "trained variants") for name in ("resolution", "modality", "loss")],
            ("twins", "untrained twins"),
            ("scale", "scale"),
        ],
    )
    def test_a_figure_without_its_inputs_is_rejected(self, cache, figure, need):
        message = f"experiment.table1.figures: {figure!r} needs {need}, which this experiment does not have"
        with pytest.raises(ConfigError) as caught:
            resolve(cache, f"experiment.figures=[{figure}]", experiment="table1")
        assert message in str(caught.value)


class TestScale:
    def test_the_sample_is_decimated_and_supports_are_whole(self, default):
        sizes = default.scale["sizes"]
        assert sizes["land-10000-r0"] == [500, 1000, 2000, 5000, 10000]
        assert sizes["patch-10-10000-r0"] == [10000]
        assert set(sizes) <= set(default.points)
        assert "countries" in default.datasets

    def test_one_smooth_and_one_rough_encoder(self, default):
        assert default.scale["variants"] == ["satclip_l10_rgb_short_s0", "geoclip_released"]
        assert default.scale["variants"] == default.costly["variants"] == default.jacobian["variants"]

    def test_fewer_points_reduce_the_sizes(self, cache):
        changed = resolve(cache, "sample.n=1500")
        (name,) = changed.sample_points
        assert changed.scale["sizes"][name] == [500, 1000, 1500]
        assert (changed.costly["n"], changed.jacobian["n"]) == (1500, 1000)

    def test_more_points_allow_larger_sizes(self, cache):
        changed = resolve(cache, "sample.n=30000", "experiment.scale.sizes=[30000,1000]")
        assert changed.scale["sizes"][changed.sample_points[0]] == [1000, 30000]

    def test_it_changes_no_variant_and_no_point_set(self, cache, default, tmp_path):
        folder = tmp_path / "config"
        shutil.copytree(CONFIG, folder)
        leaf = folder / "experiment" / "table1.yaml"
        plain = resolve(cache, experiment="table1")
        more = "scale: {branches: [released], sizes: [1000], supports: [patch-10], estimators: [mle]}\n"
        leaf.write_text(leaf.read_text() + more + "jacobian: {branches: [released], n: 10}\n")
        changed = grid.resolve(folder, "table1")
        assert changed.variants == plain.variants
        assert changed.points.items() >= plain.points.items()
        assert set(changed.points) - set(plain.points) == {"patch-10-10000-r0"}


def test_an_experiment_may_override_the_shared_selection_of_figures(default, tmp_path):
    assert default.shown["head"] == "mlp"
    folder = tmp_path / "config"
    shutil.copytree(CONFIG, folder)
    leaf = folder / "experiment" / "tiny.yaml"
    leaf.write_text(leaf.read_text() + "shown: {estimator: mle}\n")
    shown = grid.resolve(folder, "tiny").shown
    assert shown == {**default.shown, "estimator": "mle"}
