"""The experiment `tiny`, which includes every optional part."""

import re

import numpy as np
import pytest

from earthdim.storage.files import read_table
from earthdim.storage.schema import COLUMNS

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def tables(finished):
    folder = finished.folder / "results" / "tiny" / "tables"
    return {path.stem: read_table(path) for path in folder.glob("*.csv")}


@pytest.mark.parametrize("name", sorted(set(COLUMNS) - {"draws", "table1", "left_out", "missing"}))
def test_columns_follow_the_schema(tables, name):
    assert tuple(tables[name].columns[: len(COLUMNS[name])]) == COLUMNS[name]
    assert len(tables[name])


def test_scale_has_every_size_and_support_of_its_variants(tables):
    scale = tables["scale"]
    assert set(scale["variant"]) == {"csp_amin10_rgb_tiny_s0"}
    sizes = scale.groupby("support")["n"].agg(set).to_dict()
    assert sizes == {"land": {200, 400}, "region-africa": {400}}
    assert (scale["interval"] != "").all()
    radius = scale.query("estimator == 'mle'").groupby("support")["neighbour_radius_km"].min()
    assert radius["region-africa"] < radius["land"]


def test_the_full_sample_is_measured_as_in_dimension_csv(tables):
    # dimension.csv has 500 points, scale.csv their first 400: similar values, not equal ones.
    key = ["variant", "estimator", "k"]
    here = tables["scale"].query("support == 'land' and n == 400").set_index(key)["value"]
    there = (
        tables["dimension"].query("space == 'embedding'").set_index(key)["value"].reindex(here.index).dropna()
    )
    assert len(there)
    assert (np.abs(here[there.index] / there - 1) < 0.25).all()
    assert (here[there.index] != there).all()


def test_costly_estimators_have_twin_values(tables):
    costly = tables["costly"]
    assert set(costly["estimator"]) == {"knn", "ess"}
    assert set(costly["n"]) == {400}
    assert costly.groupby("weights")["twin_value"].count().to_dict() == {"trained": 2, "untrained": 0}


def test_the_exact_rank_is_between_one_and_two(tables):
    jacobian = tables["jacobian"].set_index(["variant", "estimator"])["value"]
    assert (jacobian <= 2).all()
    assert (jacobian >= 1).all()


def test_the_output_and_the_log_of_a_run_report_its_progress(finished):
    line = re.compile(r"^progress: (\d+) of (\d+) jobs .*, \d+:\d\d elapsed", re.MULTILINE)
    found = [tuple(map(int, pair)) for pair in line.findall(finished.output)]
    (planned,) = {int(total) for total in re.findall(r"^total\s+(\d+)$", finished.output, re.MULTILINE)}
    assert found == sorted(found)
    assert {total for _, total in found} == {planned}
    assert found[0][0] < planned // 2
    assert "\x1b[K" not in finished.output
    logs = (finished.folder / ".snakemake" / "log").glob("*.log")
    assert found in [[tuple(map(int, pair)) for pair in line.findall(log.read_text())] for log in logs]


def test_a_plan_and_a_quiet_run_report_no_progress(project):
    assert "progress: " not in project.run("--dry-run", "--forceall", "--config", "experiment=tiny").stdout
    quiet = project.run("--quiet", "all", "--forcerun", "resolved", "--config", "experiment=tiny").stdout
    assert "progress: " not in quiet


def test_the_report_shows_the_optional_parts(finished):
    report = (finished.folder / "results" / "tiny" / "report.html").read_text(errors="replace")
    for part in ("figures/scale.png", "tables/scale.csv", "tables/costly.csv", "tables/jacobian.csv"):
        assert part in report
    assert "Table jacobian" in report.replace("<strong>", "").replace("</strong>", "")
