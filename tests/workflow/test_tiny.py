"""The experiment `tiny`, which includes every optional part."""

import re
import shutil

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


def test_every_variant_is_in_every_table(tables):
    names = list(tables["variants"]["variant"])
    assert len(names) == len(set(names)) == 4
    for table in ("dimension", "probe"):
        assert list(dict.fromkeys(tables[table]["variant"])) == names


def test_values_are_finite_and_in_range(tables):
    dimension, probe = tables["dimension"], tables["probe"]
    assert np.isfinite(dimension["value"]).all()
    assert (dimension["value"] > 0).all()
    assert (dimension["value"] < dimension.merge(tables["variants"], on="variant")["ambient_dim"]).all()
    assert np.isfinite(probe[["value", "low", "high"]]).all().all()
    assert (probe["low"] <= probe["high"]).all()
    # A single sample of points: intervals come from half samples.
    of_embedding = dimension.query("space == 'embedding'")
    assert set(of_embedding["interval"]) == {"8 half samples"}
    assert (of_embedding["low"] < of_embedding["value"]).all()
    assert (of_embedding["value"] < of_embedding["high"]).all()


def test_twin_values_are_those_of_the_untrained_twins(tables):
    embedding = tables["dimension"].query("space == 'embedding'").fillna({"k": 0})
    embedding = embedding.set_index(["variant", "estimator", "k"])
    assert embedding.index.is_unique
    for (variant, *measure), row in embedding.iterrows():
        if variant == "csp_amin10_rgb_tiny_s0":
            assert row["twin_value"] == embedding.loc[("csp_amin10_untrained_s0", *measure), "value"]
        else:
            assert np.isnan(row["twin_value"])


def test_leakage_is_marked(tables):
    marks = tables["probe"].groupby(["weights", "task"])["leaked"].agg(set)
    assert marks["trained", "elevation"] == {"in part"}
    assert marks["untrained", "elevation"] == marks["trained", "climate-zone"] == {"no"}


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
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']https?:", report)
    assert "Table jacobian" in report.replace("<strong>", "").replace("</strong>", "")


def test_one_core_gives_identical_tables_from_an_empty_folder(finished, project):
    tables = ("tiny/tables", "tiny/variants")
    checkpoints = "variants/satclip_l10_rgb_tiny_s0/checkpoint"
    shutil.rmtree(project.folder / "results")
    project.run("--config", "experiment=tiny", cores=1)
    assert project.files(*tables) == finished.files(*tables)
    assert project.files(checkpoints) == finished.files(checkpoints)
