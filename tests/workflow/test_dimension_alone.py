"""An experiment that only measures dimension, on two replicates of a sample; neighbour graphs searched in blocks."""

import re

import pytest
from project import Project, rules_of

from earthdim.storage.files import read_table
from earthdim.storage.schema import COLUMNS

pytestmark = pytest.mark.workflow

ALONE = ("--config", "experiment=alone")
EXPERIMENT = """\
title: Dimension alone
branches:
  released: {model: [geoclip], weights: [geoclip/released]}
sample: land-1200
estimators: [mle, mle-k10, twonn, fishers]
local_estimator: mle
datasets: [coastline]
compare: [table1]
figures: [local_maps, table1]
"""
SAMPLE = """\
kind: land
n: 1200
replicates: 2
seed: 2000
build:
  _target_: earthdim.data.samples.area.land
"""
VARIANT = "variants/geoclip_released"


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    project = Project.create(tmp_path_factory.mktemp("alone") / "project")
    project.write("config/experiment/alone.yaml", EXPERIMENT)
    project.write("config/sample/land-1200.yaml", SAMPLE)
    project.output = project.run(*ALONE).stdout
    return project


@pytest.fixture(scope="module")
def tables(alone):
    folder = alone.folder / "results" / "alone" / "tables"
    return {path.stem: read_table(path) for path in folder.glob("*.csv")}


def test_it_writes_only_the_tables_that_apply(tables):
    assert set(tables) == {"datasets", "variants", "dimension", "left_out", "draws", "table1"}
    for name in set(tables) - {"datasets"}:
        assert tuple(tables[name].columns[: len(COLUMNS[name])]) == COLUMNS[name]


def test_replicates_are_averaged_and_compared_with_the_paper(tables):
    dimension, draws = tables["dimension"], tables["draws"]
    assert set(dimension["replicate"]) == {0, 1}
    mean = dimension.query("estimator == 'mle' and k == 20")["value"].mean()
    (row,) = draws.query("estimator == 'mle' and k == 20").to_dict("records")
    assert row["value"] == pytest.approx(mean)
    assert row["low"] < mean < row["high"]
    compared = tables["table1"].query("name == 'GeoCLIP' and estimator == 'mle' and k == 20")
    assert compared[["published", "value", "draws"]].to_numpy().tolist() == [[11.21, row["value"], 2]]
    notes = tables["table1"].query("published.notna() and value.isna()")["note"]
    assert notes.str.contains("is not in this experiment").sum() == 24
    assert notes.str.contains("earthdim has no adapter").sum() == 12


def test_report_and_costs_are_written(alone):
    assert "results/alone/report.html" in alone.output
    assert re.search(r"^\s*dimension +2 ", alone.output, re.MULTILINE)
    report = (alone.folder / "results" / "alone" / "report.html").read_text(errors="replace")
    assert "figures/table1.png" in report
    (alone.folder / "results" / "alone" / "report.html").unlink()
    alone.finish(*ALONE)
    assert (alone.folder / "results" / "alone" / "report.html").is_file()


def test_four_blocks_give_a_byte_identical_graph(alone, tmp_path):
    project = alone.copy(tmp_path / "project")
    points = [f"land-1200-r{replicate}" for replicate in range(2)]
    # The graph of a single search belongs to the experiment; that of several jobs to the variant.
    alone_at = [f"alone/{VARIANT}/{name}/neighbours." for name in points]
    blocks_at = [f"{VARIANT}/{'+'.join(points)}/{name}/neighbours." for name in points]
    graphs = project.files(*alone_at)
    before = project.files("alone/tables", *(f"alone/{VARIANT}/{name}/" for name in points))
    project.edit("config/config.yaml", "blocks_from: 50000", "blocks_from: 1200")
    # Tiles of 512 by 512 points: three by three of them, so that every block has some.
    project.edit("config/config.yaml", "memory_mb: 4", "memory_mb: 1")
    jobs = project.planned(*ALONE)
    assert len([rule for rule, _ in jobs if rule == "neighbours_block"]) == 8
    assert not rules_of(jobs) & {"pretrain", "embed", "points", "dimension"}
    project.run(*ALONE)
    for one, other in zip(alone_at, blocks_at, strict=True):
        merged = {name.replace(other, one): digest for name, digest in project.files(other).items()}
        alone_one = {name: digest for name, digest in graphs.items() if name.startswith(one)}
        assert set(merged) == set(alone_one)
        # Only the metadata of the store differs, which records how it was made.
        assert {name for name in merged if merged[name] != alone_one[name]} <= {f"{one}zarr/zarr.json"}
    after = project.files("alone/tables", *(f"alone/{VARIANT}/{name}/" for name in points))
    # The same for the store of the local dimension.
    changed = {name for name in after if before[name] != after[name]}
    assert changed <= {f"alone/{VARIANT}/{name}/local_dimension.zarr/zarr.json" for name in points}
    assert not list((project.folder / "results" / VARIANT).rglob("candidates-*"))
    assert "Nothing to be done" in project.run(*ALONE).stdout
