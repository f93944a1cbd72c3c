"""Jobs that rerun after a change, and jobs that do not."""

import pytest
from project import rules_of, variants_of

pytestmark = pytest.mark.workflow

TINY = ("--config", "experiment=tiny")
ENCODERS = {"pretrain", "embed", "dimension", "probe"}


def test_a_second_run_has_nothing_to_do(project):
    assert "Nothing to be done" in project.run(*TINY).stdout


def test_editing_a_resolution_leaf_retrains_only_its_variants(project):
    project.edit("config/resolution/l10.yaml", "legendre_polys: 10", "legendre_polys: 11")
    jobs = project.planned(*TINY)
    assert variants_of(jobs, "pretrain") == {"satclip_l10_rgb_tiny_s0"}
    assert not rules_of(jobs) & {"dataset", "points", "features", "labels"}


def test_a_comment_in_a_leaf_reruns_nothing(project):
    project.edit(
        "config/resolution/l10.yaml", "# @package _global_\n", "# @package _global_\n# a new comment\n"
    )
    assert not rules_of(project.planned(*TINY))


def test_editing_the_code_of_an_encoding_retrains_only_its_variants(project):
    file = "workflow/src/earthdim/encoders/encodings/space2vec.py"
    project.edit(file, "def forward(", "def _unused(self):\n        return 1\n\n    def forward(")
    jobs = project.planned(*TINY)
    assert variants_of(jobs, "pretrain") == {"csp_amin10_rgb_tiny_s0", "csp_amin10_untrained_s0"}


def test_editing_a_docstring_reruns_nothing(project):
    project.edit("workflow/src/earthdim/encoders/encodings/space2vec.py", '"""', '"""In other words: ')
    project.edit("workflow/src/earthdim/pretraining/loop.py", '"""', '"""In other words: ')
    assert not rules_of(project.planned(*TINY))


def test_editing_the_probes_retrains_nothing(project):
    project.write(
        "workflow/src/earthdim/probing/probe.py",
        (project.folder / "workflow/src/earthdim/probing/probe.py").read_text() + "\n\nCHANGED = True\n",
    )
    jobs = project.planned(*TINY)
    assert "probe" in rules_of(jobs)
    assert not rules_of(jobs) & {"pretrain", "embed", "dimension", "features"}


def test_editing_an_estimator_leaf_reruns_only_the_dimension(project):
    project.edit("config/estimator/mom.yaml", "k: 20", "k: 15")
    assert rules_of(project.planned(*TINY)) & ENCODERS == {"dimension"}


def test_changing_scale_costly_and_jacobian_neither_trains_nor_embeds(project):
    leaf = "config/experiment/tiny.yaml"
    project.edit(leaf, "sizes: [200, 400]", "sizes: [200, 300, 400]")
    project.edit(leaf, "n: 400\n  estimators: [knn, ess]", "n: 300\n  estimators: [knn]")
    project.edit(leaf, "jacobian:\n  branches: [part]\n  n: 400", "jacobian:\n  branches: [satclip]\n  n: 20")
    jobs = project.planned(*TINY)
    assert rules_of(jobs) == {"scale", "costly", "jacobian", "table", "figure", "resolved", "all"}
    assert variants_of(jobs, "scale") == {"csp_amin10_rgb_tiny_s0"}
    assert len(variants_of(jobs, "jacobian")) == 2


def test_a_new_support_only_embeds_its_points(project):
    project.edit("config/experiment/tiny.yaml", "region-africa-400]", "region-africa-400, patch-10-400]")
    jobs = project.planned(*TINY)
    assert not rules_of(jobs) & {"pretrain", "dataset", "embed", "dimension", "probe"}
    assert {wildcards for rule, wildcards in jobs if rule == "points"} == {"points=patch-10-400-r0"}
    assert len([rule for rule, _ in jobs if rule == "embed_alone"]) == 1


def test_removing_the_optional_parts_only_rewrites_the_lists_of_data_sets_and_omissions(project):
    file = project.folder / "config" / "experiment" / "tiny.yaml"
    text = file.read_text()
    figures = text[text.index("figures:") :].replace(", scale]", "]")
    file.write_text(text[: text.index("scale:")] + figures)
    # The data set of country borders is no longer used.
    assert rules_of(project.planned(*TINY)) == {"sources", "table", "resolved", "all"}


def test_changing_half_samples_measures_again_without_new_embeddings(project):
    project.edit("config/config.yaml", "draws: 8", "draws: 9")
    assert rules_of(project.planned(*TINY)) & {*ENCODERS, "scale", "costly"} == {"dimension", "scale"}


def test_the_number_of_blocks_does_not_affect_a_graph_searched_at_once(project):
    project.edit("config/config.yaml", "blocks: 4", "blocks: 7")
    assert rules_of(project.planned(*TINY)) == {"resolved", "all"}


def test_a_new_schema_version_reruns_the_jobs_that_write_it(project):
    project.edit("workflow/src/earthdim/storage/schema.py", '"probe": ', '"probe": 90')
    assert rules_of(project.planned(*TINY)) & ENCODERS == {"probe"}


def test_adding_a_variant_only_computes_it_and_the_tables(project):
    project.edit("config/experiment/tiny.yaml", "resolution: [l5, l10]", "resolution: [l5, l10, l20]")
    jobs = project.planned(*TINY)
    new = {"satclip_l20_rgb_tiny_s0"}
    assert all(variants_of(jobs, rule) == new for rule in ENCODERS)
    assert {"table", "correlate"} <= rules_of(jobs)
    assert not rules_of(jobs) & {"dataset", "points", "features", "labels"}


def test_forcerun_of_a_branch_only_reruns_that_branch(project):
    jobs = project.planned("branch", "--config", "experiment=tiny", "branch=csp", "--forcerun", "pretrain")
    csp = {"csp_amin10_rgb_tiny_s0", "csp_amin10_untrained_s0"}
    assert all(variants_of(jobs, rule) == csp for rule in ENCODERS)


def test_an_override_never_changes_a_finished_artefact(project):
    before = project.files(times=True)
    project.run(
        "branch", "--config", "experiment=tiny", "branch=csp", "overrides=[sample.n=600,schedule.steps=12]"
    )
    after = project.files(times=True)
    assert {name: after.get(name) for name in before} == before
    new = {name.split("/")[0] for name in after if name not in before}
    assert any(name.startswith("tiny@") for name in new)
    variants = {name.split("/")[1] for name in after if name not in before and name.startswith("variants/")}
    assert any(name.startswith("csp_amin10_rgb_tiny_s0@") for name in variants)
    # The untrained twins do not depend on the schedule: they are shared, and only embedded at the new points.
    assert "csp_amin10_untrained_s0" in variants
    assert "Nothing to be done" in project.run(*TINY).stdout
