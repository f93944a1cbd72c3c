"""Jobs of a local run are forks of a process that has loaded the libraries, and make the same bytes without it."""

import pytest
from project import Project

from earthdim.jobs import preload

pytestmark = pytest.mark.workflow

# Python imports a module of this name when it starts, which a fork does not do.
NOTE = """
import sys
script = sys.orig_argv[-1]
if ".snakemake/scripts/" in script and "client.py" not in " ".join(sys.orig_argv):
    with open("started", "a") as file:
        file.write(script + "\\n")
"""
TABLES = ("--config", "experiment=tiny", "--forcerun", "table", "--until", "table")


def started(project: Project, *arguments: str) -> tuple[int, str]:
    """How many jobs of a run started Python, and the run's output."""
    file = project.folder / "started"
    file.unlink(missing_ok=True)
    output = project.run(*arguments).stdout
    return len(file.read_text().splitlines()) if file.exists() else 0, output


def test_jobs_are_forks_unless_they_are_few_or_the_user_wants_none(project, monkeypatch):
    project.write("workflow/src/sitecustomize.py", NOTE)
    before = project.files("tiny/tables", times=True)
    plain_count, output = started(project, *TABLES)
    jobs = output.count("localrule table") + output.count("\nrule table")
    assert jobs >= preload.LEAST
    assert plain_count == 0
    forked = project.files("tiny/tables", times=True)
    # Correlations are made by another rule.
    assert before != forked
    monkeypatch.setenv(preload.SWITCH, "no")
    assert started(project, *TABLES)[0] == jobs
    monkeypatch.delenv(preload.SWITCH)
    one = ("results/tiny/tables/variants.csv", *TABLES[:2], "--forcerun", "results/tiny/tables/variants.csv")
    assert started(project, *one)[0] == 1
    assert project.files("tiny/tables") == {name: digest.split()[0] for name, digest in before.items()}
