"""README's recipe for a figure, followed to the letter in a copy of the project."""

import re

import pytest
from project import ROOT, rules_of

pytestmark = pytest.mark.workflow

TINY = ("--config", "experiment=tiny")


def test_a_file_and_its_name_in_an_experiment_make_a_figure(project):
    readme = (ROOT / "README.md").read_text()
    ((file, text),) = re.findall(
        r"^```python\n# (workflow/\S+figures/\S+\.py)\n(.*?)^```", readme, re.M | re.S
    )
    project.write(file, text)
    project.edit("config/experiment/tiny.yaml", "figures: [", "figures: [spread, ")
    jobs = project.planned(*TINY)
    assert rules_of(jobs) == {"figure", "resolved", "all"}
    assert {wildcards for rule, wildcards in jobs if rule == "figure"} == {"experiment=tiny, figure=spread"}
    project.run(*TINY)
    folder = project.folder / "results" / "tiny"
    assert "experiment tiny, n = 500 points" in (folder / "figures" / "spread.rst").read_text()
    assert (folder / "figures" / "spread.svg").is_file()
    report = (folder / "report.html").read_text()
    assert "Spread of ID" in report
    assert "Intrinsic dimension by estimator" in report
