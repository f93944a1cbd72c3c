"""Branches: the axis of objectives, the controls, and full seeds."""

from dataclasses import replace

import pytest

from earthdim.experiment import queries, slices
from earthdim.experiment.model import twins
from earthdim.experiment.validation import ConfigError

TINY = "experiment/tiny.yaml"
FIRST = "    modality: [rgb]\n    schedule: [tiny]\n    weights: [trained]\n"
BRANCH = FIRST.replace("weights: [trained]", "weights: [trained, untrained]")
NAMED = BRANCH.replace("schedule", "objective: [info-nce-scale2, regression]\n    schedule")


def objectives(found):
    return {
        variant.name: variant.config["model"]["objective"]["_target_"].rpartition(".")[2]
        for variant in found.variants.values()
        if variant.kind == "trained"
    }


def test_an_objective_replaces_that_of_the_model_and_gives_a_token_after_the_modality(resolve):
    found = resolve([(TINY, FIRST, NAMED)])
    assert objectives(found) == {
        **{f"satclip_{level}_rgb_info-nce-scale2_tiny_s0": "InfoNCE" for level in ("l5", "l10")},
        **{f"satclip_{level}_rgb_regression_tiny_s0": "Regression" for level in ("l5", "l10")},
        "csp_amin10_rgb_tiny_s0": "InfoNCE",
    }
    fixed = found.variants["satclip_l5_rgb_info-nce-scale2_tiny_s0"]
    assert fixed.axes["objective"] == "info-nce-scale2"
    assert fixed.config["model"]["objective"] == {
        "_target_": "earthdim.pretraining.objectives.info_nce.InfoNCE",
        "temperature": 0.5,
        "max_scale": 100.0,
        "learned": False,
    }


def test_without_an_objective_the_name_has_no_token_and_the_model_keeps_its_own(resolve):
    variant = resolve([]).variants["satclip_l5_rgb_tiny_s0"]
    assert variant.axes["objective"] == ""
    assert variant.config["model"]["objective"]["temperature"] == 0.07


def test_untrained_twins_ignore_the_objective(resolve):
    found = resolve([(TINY, FIRST, NAMED)]).variants
    trained = [v for v in found.values() if v.axes["model"] == "satclip" and v.kind == "trained"]
    assert {v.twin for v in trained} == {"satclip_l5_untrained_s0", "satclip_l10_untrained_s0"}
    assert found["satclip_l5_untrained_s0"].axes["objective"] == ""


def test_an_optimiser_does_not_change_the_twin_and_a_network_does(resolve):
    found = resolve([(TINY, FIRST, BRANCH)]).variants
    trained, twin = found["satclip_l5_rgb_tiny_s0"], found["satclip_l5_untrained_s0"]

    def other(**parts):
        return replace(trained, config={**trained.config, "model": {**trained.config["model"], **parts}})

    assert twins([other(optimiser={"lr": 1.0}), twin]) == {trained.name: twin.name}
    assert twins([other(network={}), twin]) == {}
    namesake = replace(twin, name="first", axes={**twin.axes, "model": "satclip-slow"})
    assert twins([other(optimiser={"lr": 1.0}), namesake, twin]) == {trained.name: twin.name}


def test_an_override_of_an_objective_renames_its_variants_alone(resolve):
    found = resolve([(TINY, FIRST, NAMED)], overrides=["objective.temperature=0.25"])
    renamed = {name.partition("@")[0] for name in found.variants if "@" in name}
    assert renamed == {f"satclip_{level}_rgb_info-nce-scale2_tiny_s0" for level in ("l5", "l10")}
    values = {v.config["model"]["objective"].get("temperature") for v in found.variants.values()}
    assert values == {0.25, 0.07, None}


CONTROLS = BRANCH.replace("untrained]", "untrained, shuffled, raw]").replace(
    "modality: [rgb]", "modality: [rgb, elevation]"
)


def test_controls_have_the_axes_that_apply_to_them_and_are_not_counted(resolve):
    found = resolve([(TINY, FIRST, CONTROLS)]).variants
    of_kind = {kind: [v for v in found.values() if v.kind == kind] for kind in ("shuffled", "raw")}
    assert {v.name for v in of_kind["shuffled"]} == {
        f"satclip_{level}_{modality}_tiny_shuffled_s0"
        for level in ("l5", "l10")
        for modality in ("rgb", "elevation")
    }
    assert {v.name for v in of_kind["raw"]} == {"satclip_l5_raw", "satclip_l10_raw"}
    assert not any(v.counted for kind in of_kind for v in of_kind[kind])
    assert all(v.features for v in of_kind["shuffled"])
    assert not any(v.features for v in of_kind["raw"])


def test_variants_name_their_controls(resolve):
    found = resolve([(TINY, FIRST, CONTROLS)]).variants
    trained, shuffled, twin, raw = (
        found[f"satclip_l10_{rest}"]
        for rest in ("elevation_tiny_s0", "elevation_tiny_shuffled_s0", "untrained_s0", "raw")
    )
    assert (trained.twin, trained.shuffled, trained.raw) == (twin.name, shuffled.name, raw.name)
    assert (shuffled.twin, shuffled.shuffled, shuffled.raw) == (twin.name, "", raw.name)
    assert (twin.twin, twin.shuffled, twin.raw) == ("", "", raw.name)
    assert (raw.twin, raw.shuffled, raw.raw) == ("", "", "")


def test_shuffled_variants_leak_nothing_and_controls_have_heads(resolve):
    found = resolve([(TINY, FIRST, CONTROLS)])
    facts = {name: queries.facts(variant)["sources"] for name, variant in found.variants.items()}
    assert facts["satclip_l5_elevation_tiny_s0"] == ["elevation"]
    assert facts["satclip_l5_elevation_tiny_shuffled_s0"] == []
    heads = {name: set(slices.probe(found, name).config["heads"]) for name in found.variants}
    assert heads["satclip_l5_elevation_tiny_shuffled_s0"] == {"ridge", "logistic", "mlp"}
    assert heads["satclip_l5_raw"] == {"ridge", "logistic"}
    named = resolve([(TINY, "  released: [ridge", "  raw: [mlp]\n  released: [ridge")])
    assert set(slices.probe(named, "satclip_l5_raw").config["heads"]) == {"mlp"}


def test_a_raw_encoding_depends_on_its_encoding_alone(resolve):
    found = resolve([(TINY, FIRST, CONTROLS)])
    config = slices.pretrain(found, "satclip_l5_raw").config
    assert set(config["model"]) == {"encoding"}
    assert "seed" not in config


FULL = ("schedule/tiny.yaml", "full_seed: false", "full_seed: true")
RANDOM = (
    TINY,
    "  csp:\n",
    "  geoclip:\n    model: [geoclip]\n    resolution: [sigma16]\n    modality: [rgb]\n    schedule: [tiny]\n"
    "    weights: [trained, untrained, shuffled, raw]\n    seed: [0, 1]\n  csp:\n",
)


def test_a_full_seed_sets_places_filters_and_frequencies(resolve):
    found = resolve([RANDOM, FULL])
    zero, one = (found.variants[f"geoclip_sigma16_rgb_tiny_s{seed}"] for seed in (0, 1))
    leaves = [v.config["model"]["encoding"]["seed"] for v in (zero, one)]
    assert leaves[1] == leaves[0] + 1
    (name,) = one.features.values()
    assert name == "rgb-6144-s1"
    assert found.features[name]["points"] == "train-land-6144-r0-s1"
    assert found.features[name]["config"]["seed"] == found.features["rgb-6144-s0"]["config"]["seed"] + 1
    assert [found.points[f"train-land-6144-r0-s{seed}"]["seed"] for seed in (0, 1)] == [0, 1]
    assert [v.config["schedule"]["seed"] for v in (zero, one)] == [0, 1]


def test_controls_of_full_seeds_follow_the_frequencies_and_share_features(resolve):
    variants = resolve([RANDOM, FULL]).variants
    one = variants["geoclip_sigma16_rgb_tiny_s1"]
    assert (one.twin, one.shuffled, one.raw) == (
        "geoclip_sigma16_untrained_fs1",
        "geoclip_sigma16_rgb_tiny_shuffled_s1",
        "geoclip_sigma16_raw_fs1",
    )
    assert variants[one.shuffled].features == one.features
    assert variants[one.raw].axes["seed"] == 1
    # An encoding without random numbers does not depend on the seed.
    assert variants["csp_amin10_rgb_tiny_s0"].twin == "csp_amin10_untrained_s0"


def test_without_full_seeds_names_and_draws_are_shared(resolve):
    found = resolve([RANDOM])
    one = found.variants["geoclip_sigma16_rgb_tiny_s1"]
    assert (one.twin, one.raw) == ("geoclip_sigma16_untrained_s1", "geoclip_sigma16_raw")
    assert one.features == {"rgb": "rgb-6144"}
    assert set(found.features) == {"rgb-6144"}


def test_full_seeds_by_an_override(resolve):
    found = resolve([RANDOM], overrides=["schedule.full_seed=true"]).variants
    names = {name.partition("@")[0] for name in found if "@" in name}
    assert names == {name.partition("@")[0] for name, v in found.items() if v.config.get("schedule")}
    assert "geoclip_sigma16_untrained_fs1" in found


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ([(TINY, FIRST, NAMED.replace("regression", "none"))], r"objective: there is no objective 'none'"),
        (
            [(TINY, FIRST, NAMED), ("objective/info-nce-scale2.yaml", "learned: false", "learned: 2")],
            r"model\.objective\.learned: 2 .*objective 'info-nce-scale2' of",
        ),
        (
            [(TINY, FIRST, NAMED), ("objective/regression.yaml", "_target_", "scale: 1\n_target_")],
            r"model\.objective\.scale: .* takes no such argument",
        ),
        (
            [("schedule/tiny.yaml", "regions: 1024", "regions: 100")],
            r"schedule\.regions: 100 is not a multiple of batch 256",
        ),
        (
            [("schedule/tiny.yaml", "region_share: 0.3", "region_share: 0.1")],
            r"schedule\.region_share: 0.1 of the blocks hold about 614 locations, fewer than regions 1024",
        ),
        (
            [("schedule/tiny.yaml", "jitter_km: 0", "jitter_km: 200")],
            r"schedule\.jitter_km: 200 would move training locations across the buffer of 450 km; set at most 150",
        ),
        (
            [("schedule/tiny.yaml", "buffer_km: 450", "buffer_km: 80")],
            r"schedule\.buffer_km: 80 is below the 88.8 km of a patch of modality\.sources\.rgb",
        ),
    ],
)
def test_bad_objectives_are_rejected_before_any_job(resolve, edits, message):
    with pytest.raises(ConfigError, match=message):
        resolve(edits)


def test_training_never_has_the_places_of_a_sample(resolve):
    tasks = ("schedule/tiny.yaml", "seed: 0", "seed: 1000")
    with pytest.raises(
        ConfigError, match=r"task-land-600-r0: has the same seed 1000 as the training locations"
    ):
        resolve([tasks])
    resolve([("schedule/tiny.yaml", "seed: 1000", "seed: 2003")])  # that of a patch, which is another draw


def test_names_of_variants_cannot_be_read_in_two_ways(resolve):
    named = (TINY, "schedule: [tiny]", "schedule: [shuffled]")
    with pytest.raises(ConfigError, match=r"branches\.\w+\.schedule: 'shuffled' is a name of weights"):
        resolve([("schedule/shuffled.yaml", None, "locations: 1\n"), named])
