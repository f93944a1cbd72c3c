"""The documentation's templates, followed literally in a copy of the project and run by Snakemake."""

import subprocess
import sys

import pandas as pd
import pytest
from places import ROOT
from templates import templates
from workflow.project import Project, rules_of

pytestmark = pytest.mark.workflow

PAGE = ROOT / "docs" / "extending.md"
CUSTOM = ROOT / "docs" / "custom.md"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """A copy with every template of the page, and its experiment run."""
    project = Project.create(tmp_path_factory.mktemp("extended") / "project")
    project.write("docs/columns.yaml", (ROOT / "docs" / "columns.yaml").read_text())
    for template in templates(PAGE):
        template.follow(project.folder)
    made = subprocess.run(
        [sys.executable, "direction.py"], cwd=project.folder, check=True, capture_output=True, text=True
    )
    project.edit("config/weights/direction/example.yaml", "sha256: SUM", f"sha256: {made.stdout.strip()}")
    project.run("--config", "experiment=additions")
    return project


def table(project: Project, name: str) -> pd.DataFrame:
    return pd.read_csv(project.folder / "results" / "additions" / "tables" / f"{name}.csv")


def test_leaves_alone_make_variants_points_and_splits(project):
    variants = table(project, "variants")
    assert {"amin30"} <= set(variants["resolution"].dropna())
    assert set(variants["modality"].dropna()) == {"heights"}
    assert set(variants["schedule"].dropna()) == {"brief"}
    assert set(table(project, "dimension").query("space == 'embedding'")["n"]) == {400}
    assert {"thirds", "blocks"} == set(table(project, "probe")["split"])


def test_an_encoding_a_network_and_an_objective_make_a_family(project):
    (row,) = table(project, "variants").query("model == 'meridians'").itertuples()
    assert (row.ambient_dim, row.parameters) == (32, 13 * 32 + 32)
    assert row.shortest_wavelength_km == pytest.approx(40030.2 / 6, rel=1e-4)


def test_a_source_leaks_the_task_that_names_it(project):
    probe = table(project, "probe").query("modality == 'heights'")
    assert set(probe.query("task == 'highland'")["leaked"]) == {"yes"}
    assert set(probe.query("task == 'elevation'")["leaked"]) == {"no"}


def test_a_head_scores_the_task_of_its_kind(project):
    rows = table(project, "probe").query("head == 'nearest'")
    assert set(rows["task"]) == {"elevation"}
    assert rows["value"].notna().all()


def test_estimators_of_all_three_kinds_have_values(project):
    rows = table(project, "dimension").query("space == 'embedding'")
    values = {name: part["value"] for name, part in rows.groupby("estimator")}
    assert {"mom", "stable-rank", "norm-ratio"} <= set(values)
    assert all(
        part.notna().all() and (part >= 1).all() for part in (values["stable-rank"], values["norm-ratio"])
    )
    assert set(rows.query("estimator == 'mom'")["k"]) == {15}


def test_a_released_model_is_measured(project):
    (row,) = table(project, "variants").query("model == 'direction'").itertuples()
    assert (row.weights, row.ambient_dim) == ("released", 8)


def test_a_table_has_its_columns(project):
    rows = table(project, "extremes")
    assert rows.columns.tolist() == ["estimator", "low", "high"]
    assert (rows["low"] <= rows["high"]).all()


def test_a_figure_is_drawn_and_reported(project):
    figures = project.folder / "results" / "additions" / "figures"
    assert "experiment additions, n = 400 points" in (figures / "spread.rst").read_text()
    assert (figures / "spread.svg").is_file()
    project.finish("--config", "experiment=additions")
    report = (project.folder / "results" / "additions" / "report.html").read_text()
    assert "Spread of ID" in report


def test_naming_one_more_figure_plans_that_figure_alone(project, tmp_path):
    copy = project.copy(tmp_path / "project")
    copy.edit("config/experiment/additions.yaml", "figures: [spread]", "figures: [spread, loss]")
    jobs = copy.planned("--config", "experiment=additions")
    assert rules_of(jobs) == {"figure", "resolved", "all"}
    assert {named for rule, named in jobs if rule == "figure"} == {"experiment=additions, figure=loss"}


def test_a_custom_encoder_is_measured_by_the_pages_template(project):
    for template in templates(CUSTOM):
        if template.file != "config/weights/mine/satclip.yaml":
            template.follow(project.folder)
    project.run("--config", "experiment=mine")
    rows = pd.read_csv(project.folder / "results" / "mine" / "tables" / "dimension.csv")
    assert set(rows["model"]) == {"my-model"}
    assert rows["value"].notna().all()
