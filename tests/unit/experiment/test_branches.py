"""Branches: the axis of objectives, and the controls."""

import pytest

from earthdim.experiment import queries, slices
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
    ],
)
def test_bad_objectives_are_rejected_before_any_job(resolve, edits, message):
    with pytest.raises(ConfigError, match=message):
        resolve(edits)
