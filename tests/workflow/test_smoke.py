"""The experiment `smoke`, from an empty folder to its report, twice.

Thorough: the experiment `tiny` has the same stages at half the cost; see test_tiny.py.
"""

import re
import shutil

import numpy as np
import pytest

from earthdim.storage.files import read_table
from earthdim.storage.schema import COLUMNS

pytestmark = [pytest.mark.workflow, pytest.mark.thorough]

SMOKE = ("--config", "experiment=smoke")


@pytest.fixture(scope="module")
def tables(smoke):
    folder = smoke.folder / "results" / "smoke" / "tables"
    return {path.stem: read_table(path) for path in folder.glob("*.csv")}


def test_the_run_reports_costs_and_output_paths(smoke):
    assert "results/smoke/report.html" in smoke.output
    assert re.search(r"^\s*pretrain +4 ", smoke.output, re.MULTILINE)


@pytest.mark.parametrize("name", ["variants", "dimension", "probe", "correlation"])
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
    # A single sample of 2,000 points: intervals come from half samples.
    of_embedding = dimension.query("space == 'embedding'")
    assert set(of_embedding["interval"]) == {"8 half samples"}
    assert (of_embedding["low"] < of_embedding["value"]).all()
    assert (of_embedding["value"] < of_embedding["high"]).all()
    smooth = dimension.query(
        "variant == 'satclip_l10_rgb_smoke_s0' and estimator == 'twonn' and space == 'embedding'"
    )
    assert 1.5 < smooth["value"].item() < 2.5


def test_twin_values_are_those_of_the_untrained_twins(tables):
    embedding = tables["dimension"].query("space == 'embedding'").fillna({"k": 0})
    embedding = embedding.set_index(["variant", "estimator", "k"])
    assert embedding.index.is_unique
    for (variant, *measure), row in embedding.iterrows():
        if row["weights"] == "trained":
            twin = variant.replace("_rgb_smoke_", "_untrained_")
            assert row["twin_value"] == embedding.loc[(twin, *measure), "value"]
        else:
            assert np.isnan(row["twin_value"])


def test_training_lowers_the_loss(tables, smoke):
    trained = tables["variants"].query("weights == 'trained'")
    # The state kept is the best in held-out regions, which is an early one.
    assert (trained["val_top1"] > 5 / 1024).all()
    curve = read_table(smoke.folder / "results/variants/satclip_l10_rgb_smoke_s0/training.csv")
    assert curve["val_loss"].iloc[-1] < curve["val_loss"].iloc[0] < np.log(512)
    assert curve["val_top1"].iloc[-1] > 20 / 1024


def test_leakage_is_marked(tables):
    marks = tables["probe"].groupby(["weights", "task"])["leaked"].agg(set)
    assert marks["trained", "elevation"] == {"in part"}
    assert marks["untrained", "elevation"] == marks["trained", "climate-zone"] == {"no"}


def test_the_report_is_self_contained(smoke):
    report = (smoke.folder / "results" / "smoke" / "report.html").read_text(errors="replace")
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']https?:", report)
    for figure in ("resolution", "local_maps", "performance"):
        assert f"figures/{figure}.png" in report


def test_a_deleted_report_is_restored_without_any_job(smoke):
    report = smoke.folder / "results" / "smoke" / "report.html"
    report.unlink()
    before = smoke.files("smoke/tables", times=True)
    assert "Nothing to be done" in smoke.run(*SMOKE).stdout
    smoke.finish(*SMOKE)
    assert report.is_file()
    assert smoke.files("smoke/tables", times=True) == before


def test_one_core_gives_identical_tables_from_an_empty_folder(smoke):
    before = smoke.files("smoke/tables", "smoke/variants")
    checkpoints = smoke.files("variants/satclip_l10_rgb_smoke_s0/checkpoint")
    shutil.rmtree(smoke.folder / "results")
    smoke.run(*SMOKE, cores=1)
    assert smoke.files("smoke/tables", "smoke/variants") == before
    assert smoke.files("variants/satclip_l10_rgb_smoke_s0/checkpoint") == checkpoints
