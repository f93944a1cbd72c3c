"""The experiment `smoke`, from an empty folder to its report, twice.

Thorough: the experiment `tiny` has the same stages at half the cost; see test_tiny.py.
"""

import re
import shutil

import numpy as np
import pytest

from earthdim.storage.files import read_table

pytestmark = [pytest.mark.workflow, pytest.mark.thorough]

SMOKE = ("--config", "experiment=smoke")


@pytest.fixture(scope="module")
def tables(smoke):
    folder = smoke.folder / "results" / "smoke" / "tables"
    return {path.stem: read_table(path) for path in folder.glob("*.csv")}


def test_the_run_reports_costs_and_output_paths(smoke):
    assert "results/smoke/report.html" in smoke.output
    assert re.search(r"^\s*pretrain +4 ", smoke.output, re.MULTILINE)


def test_a_smooth_encoder_has_two_dimensions(tables):
    smooth = tables["dimension"].query(
        "variant == 'satclip_l10_rgb_smoke_s0' and estimator == 'twonn' and space == 'embedding'"
    )
    assert 1.5 < smooth["value"].item() < 2.5


def test_training_lowers_the_loss(tables, smoke):
    trained = tables["variants"].query("weights == 'trained'")
    # The state kept is the best in held-out regions, which is an early one.
    assert (trained["val_top1"] > 5 / 1024).all()
    curve = read_table(smoke.folder / "results/variants/satclip_l10_rgb_smoke_s0/training.csv")
    assert curve["val_loss"].iloc[-1] < curve["val_loss"].iloc[0] < np.log(512)
    assert curve["val_top1"].iloc[-1] > 20 / 1024


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
