"""The experiment `tiny`, which has every optional part."""

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
def test_tables_keep_their_contract(tables, name):
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


def test_the_whole_sample_is_measured_as_in_the_dimension(tables):
    # 500 points there, the first 400 here: near, and not the same.
    key = ["variant", "estimator", "k"]
    here = tables["scale"].query("support == 'land' and n == 400").set_index(key)["value"]
    there = (
        tables["dimension"].query("space == 'embedding'").set_index(key)["value"].reindex(here.index).dropna()
    )
    assert len(there)
    assert (np.abs(here[there.index] / there - 1) < 0.25).all()
    assert (here[there.index] != there).all()


def test_costly_estimators_stand_beside_their_twins(tables):
    costly = tables["costly"]
    assert set(costly["estimator"]) == {"knn", "ess"}
    assert set(costly["n"]) == {400}
    assert costly.groupby("weights")["twin_value"].count().to_dict() == {"trained": 2, "untrained": 0}


def test_the_exact_rank_of_a_map_of_the_sphere_is_at_most_two(tables):
    jacobian = tables["jacobian"].set_index(["variant", "estimator"])["value"]
    assert (jacobian <= 2).all()
    assert (jacobian >= 1).all()


def test_the_report_shows_them(finished):
    report = (finished.folder / "results" / "tiny" / "report.html").read_text(errors="replace")
    for part in ("figures/scale.png", "tables/scale.csv", "tables/costly.csv", "tables/jacobian.csv"):
        assert part in report
    assert "Table jacobian" in report.replace("<strong>", "").replace("</strong>", "")
