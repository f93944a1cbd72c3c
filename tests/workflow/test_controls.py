"""Controls, the gate and its verdict in a run with selection tasks and a control task."""

import pytest

from earthdim.storage.files import read_table

pytestmark = pytest.mark.workflow

# The variants of `tiny`, whose training is too short to help. All have a twin, and twins have the head mlp.
EXPERIMENT = """
title: Controls
branches:
  satclip:
    model: [satclip]
    resolution: [l5, l10]
    modality: [rgb]
    schedule: [tiny]
    weights: [trained, untrained]
    seed: [0]
  csp:
    model: [csp]
    resolution: [amin10]
    modality: [rgb]
    schedule: [tiny]
    weights: [trained, untrained]
    seed: [0]
sample: land-500
task_sample: task-land-600
estimators: [mle, twonn, fishers]
local_estimator: mle
activation_estimator: twonn
tasks: [elevation, colour, water-vapour, time-zone]
splits: [random, blocks]
heads: {trained: [ridge, logistic, mlp], untrained: [ridge, logistic, mlp], released: [ridge]}
datasets: []
statistics: default
figures: [controls, performance]
"""


@pytest.fixture(scope="module")
def gated(finished, tmp_path_factory):
    project = finished.copy(tmp_path_factory.mktemp("controls") / "project")
    project.write("config/experiment/gated.yaml", EXPERIMENT)
    project.output = project.run("--config", "experiment=gated").stdout
    return project


@pytest.fixture(scope="module")
def tables(gated):
    folder = gated.folder / "results" / "gated" / "tables"
    return {path.stem: read_table(path) for path in folder.glob("*.csv")}


def verdict(project, experiment):
    return (project.folder / "results" / experiment / "controls.txt").read_text().strip()


def test_without_control_tasks_nothing_is_tested_and_the_run_says_so(finished):
    words = verdict(finished, "tiny")
    assert words.startswith(
        "controls: 0 of 3 cells pass, 3 untested; families untested: csp, satclip; not tested: "
    )
    assert words in finished.output
    assert words in (finished.folder / "results" / "tiny" / "report.html").read_text(errors="replace")


@pytest.mark.thorough
def test_scores_name_the_set_of_their_task(tables):
    found = tables["probe"].groupby("task")["task_set"].agg(set).to_dict()
    assert found == {
        "elevation": {"claims"}, "colour": {"control"}, "water-vapour": {"selection"}, "time-zone": {"selection"}
    }  # fmt: skip


@pytest.mark.thorough
def test_controls_are_the_means_of_the_scores(tables):
    probe = tables["probe"].query("primary and split == 'random'")
    controls = (
        tables["controls"]
        .query("control == 'selection' and split == 'random'")
        .set_index(["resolution", "head"])
    )
    for kind, heads in {"linear": ["ridge", "logistic"], "MLP": ["mlp"]}.items():
        chosen = probe[probe["head"].isin(heads) & (probe["task_set"] == "selection")]
        mean = chosen.groupby(["resolution", "weights"])["value"].mean()
        for resolution in ("l5", "l10", "amin10"):
            row = controls.loc[(resolution, kind)]
            assert row["value"] == pytest.approx(mean[resolution, "trained"])
            assert row["twin"] == pytest.approx(mean[resolution, "untrained"])
            assert (row["passed"] == "yes") == (row["value"] > row["twin"])


@pytest.mark.thorough
def test_failing_cells_are_left_out_of_the_correlation_by_name(gated, tables):
    controls = tables["controls"]
    bad = set(controls.loc[(controls["decides"] == "yes") & (controls["passed"] == "no"), "resolution"])
    assert bad
    left_out = tables["left_out"].query("what == 'cell'")
    assert {name.split("_")[1] for name in left_out["name"]} == bad
    words = verdict(gated, "gated")
    assert words in gated.output
    assert all(name in words for name in left_out["name"])
    correlation = tables["correlation"]
    assert set(correlation["task"]) == {"elevation"}
    assert set(correlation.query("level == 'pooled'")["n_left_out"]) == {len(bad)}
    assert set(correlation.query("level == 'pooled'")["n_cells"]) == {3 - len(bad)}
