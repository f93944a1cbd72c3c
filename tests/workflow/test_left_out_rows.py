"""A table of one region and one that FisherS cannot measure: only the parts that cannot be computed are left out."""

import numpy as np
import pandas as pd
import pytest

from earthdim.storage.files import read_table

pytestmark = pytest.mark.workflow

TABLE = """
kind: table
model: {name}
n: {n}
build:
  _target_: earthdim.encoders.custom.table.embeddings
  file: {name}.parquet
  features: emb_*
"""
EXPERIMENT = """
title: Tables with missing parts
branches:
  tables: {weights: [regional, high]}
sample: land-500
task_sample: task-land-600
estimators: [mle, twonn, fishers]
local_estimator: mle
activation_estimator: twonn
tasks: [elevation]
splits: [random, blocks]
heads: {trained: [ridge, mlp], untrained: [ridge], released: [ridge, mlp]}
datasets: [coastline]
statistics: default
figures: [performance, gap, local_maps]
shown: {head: ridge}
"""


@pytest.fixture(scope="module")
def measured(finished, tmp_path_factory):
    project = finished.copy(tmp_path_factory.mktemp("omissions") / "project")
    rng = np.random.default_rng(0)
    region = np.column_stack([-95.83 + rng.uniform(0, 0.1, 300), 41.87 + rng.uniform(0, 0.1, 300)])
    world = np.column_stack(
        [rng.uniform(-170, 170, 600), np.degrees(np.arcsin(rng.uniform(-0.95, 0.95, 600)))]
    )
    waves = np.sin(rng.uniform(-1, 1, (300, 3)) @ rng.standard_normal((3, 24)))
    for name, at, values in (("regional", region, waves), ("high", world, rng.standard_normal((600, 64)))):
        columns = {f"emb_{i}": column for i, column in enumerate(values.T)}
        table = pd.DataFrame({"lon": at[:, 0], "lat": at[:, 1], **columns})
        table.to_parquet(project.folder / f"{name}.parquet")
        project.write(f"config/weights/{name}.yaml", TABLE.format(name=name, n=len(at)))
    project.write("config/experiment/omissions.yaml", EXPERIMENT)
    planned = project.run("--dry-run", "--config", "experiment=omissions").stdout
    project.run("--config", "experiment=omissions")
    folder = project.folder / "results" / "omissions"
    tables = {path.stem: read_table(path) for path in folder.glob("tables/*.csv")}
    return project, planned, tables


def test_problems_known_from_coordinates_are_reported_while_planning(measured):
    _, planned, _ = measured
    warnings = [line for line in planned.splitlines() if "own-regional-300-r0" in line and "degrees" in line]
    assert len(warnings) == 1
    assert "blocks" in warnings[0]


def test_everything_else_is_measured(measured):
    _, _, tables = measured
    embedded = tables["dimension"].query("space == 'embedding'")
    values = embedded.set_index(["variant", "estimator"])["value"].sort_index()
    assert np.isnan(values["high", "fishers"])
    assert values.drop(("high", "fishers")).notna().all()
    assert values["regional", "twonn"] == pytest.approx(3, abs=0.5)
    probe = tables["probe"]
    assert set(probe.query("variant == 'regional'")["split"]) == {"random"}
    assert set(probe.query("variant == 'high'")["split"]) == {"random", "blocks"}
    assert probe["value"].notna().all()


def test_left_out_parts_are_listed_with_a_reason(measured):
    project, _, tables = measured
    left = tables["left_out"].set_index(["variant", "what", "name"])["reason"]
    assert "too few for 5 folds" in left["regional", "split", "blocks"]
    assert "all 600 points are separable" in left["high", "estimator", "fishers"]
    notes = tables["dimension"].set_index(["variant", "estimator"])["note"]
    assert notes["high", "fishers"] == left["high", "estimator", "fishers"]
    log = (project.folder / "results/logs/probe/omissions/regional.log").read_text()
    assert any("split" in line and "blocks" in line for line in log.splitlines())


def test_figures_are_drawn_and_nothing_remains_to_do(measured):
    project, _, _ = measured
    for name in ("performance", "gap", "local_maps"):
        assert (project.folder / f"results/omissions/figures/{name}.png").is_file()
    assert not project.planned("--config", "experiment=omissions")
